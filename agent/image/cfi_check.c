// SPDX-License-Identifier: GPL-2.0-or-later
#include "cfi_check.h"

#include <dwarf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* Register numbers of x86-64 end at 125 (AVX-512 masks). */
enum { MAX_REG = 127, MAX_REMEMBER = 64 };

/*
 * libdw plays an FDE's instructions from the start for each row, so the time is the product of rows
 * and bytes; to remember a state costs as much as REMEMBER_BYTES. No compiler comes near the first
 * limit; the second is about two seconds.
 */
static const uint64_t max_fde_work = 1ull << 30;
static const uint64_t max_work = 1ull << 31;
enum { REMEMBER_BYTES = 32 };

struct entry {
	size_t start; /* in the section */
	size_t id;    /* of the CIE id or pointer */
	size_t end;
	unsigned int id_size; /* 4 or 8 */
	bool is_cie;
	uint64_t cie; /* offset of its CIE, for an FDE */
};

struct cie {
	size_t offset;
	uint8_t encoding;
	bool sized; /* FDEs have augmentation data with its size in front */
	bool signal;
	bool refused; /* instructions are not sound */
};

struct checker {
	struct cfi_section *sec;
	struct buf cies; /* of struct cie, by offset */
	struct buf *fdes;
	uint64_t work;
};

static bool read_uleb(const uint8_t **p, const uint8_t *end, uint64_t *val)
{
	unsigned int shift = 0;

	*val = 0;
	while (*p < end && shift < 64) {
		uint8_t byte = *(*p)++;

		*val |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return true;
		shift += 7;
	}
	return false;
}

static bool skip(const uint8_t **p, const uint8_t *end, uint64_t n)
{
	if ((uint64_t)(end - *p) < n)
		return false;
	*p += n;
	return true;
}

/* Little-endian, as the only machines are. */
static bool read_fixed(const uint8_t **p, const uint8_t *end, size_t n, uint64_t *val)
{
	*val = 0;
	if ((size_t)(end - *p) < n)
		return false;
	memcpy(val, *p, n);
	*p += n;
	return true;
}

static size_t pointer_size(uint8_t encoding)
{
	switch (encoding & 0x0f) {
	case DW_EH_PE_udata2:
	case DW_EH_PE_sdata2:
		return 2;
	case DW_EH_PE_udata4:
	case DW_EH_PE_sdata4:
		return 4;
	case DW_EH_PE_absptr:
	case DW_EH_PE_udata8:
	case DW_EH_PE_sdata8:
		return 8;
	default:
		return 0;
	}
}

bool cfi_read_pointer(const uint8_t **p, const uint8_t *end, uint8_t encoding, uint64_t vaddr,
		      uint64_t *val)
{
	size_t size = pointer_size(encoding);
	unsigned int shift = 64 - 8 * (unsigned int)size;

	if (!size || (encoding & 0xf0 & ~DW_EH_PE_pcrel) || !read_fixed(p, end, size, val))
		return false;
	if (encoding & DW_EH_PE_signed && shift)
		*val = (uint64_t)((int64_t)(*val << shift) >> shift);
	if (encoding & DW_EH_PE_pcrel)
		*val += vaddr;
	return true;
}

/*
 * Makes libdw skip an entry that it would otherwise read: a CIE of a version that does not exist.
 * The version is the byte behind the id; an entry that is too short for it was not accepted.
 */
static void hide(struct cfi_section *sec, const struct entry *e)
{
	memset(sec->data + e->id, sec->eh ? 0 : 0xff, e->id_size);
	sec->data[e->id + e->id_size] = 0xff;
}

/* Reads the head of the entry at @at: its bounds, and whether it is a CIE. */
static bool read_entry(const struct cfi_section *sec, size_t at, struct entry *e)
{
	const uint8_t *end = sec->data + sec->size, *p = sec->data + at;
	uint64_t length, id;

	*e = (struct entry){.start = at, .id_size = 4};
	if (!read_fixed(&p, end, 4, &length))
		return false;
	if (length == 0xffffffff) {
		e->id_size = 8;
		if (!read_fixed(&p, end, 8, &length))
			return false;
	}
	if (length > (uint64_t)(end - p) || length < e->id_size + 1)
		return false;
	e->id = (size_t)(p - sec->data);
	e->end = e->id + length;
	read_fixed(&p, end, e->id_size, &id);
	if (sec->eh) {
		e->is_cie = id == 0;
		/* The distance back from where it stands; a wrong one matches no CIE. */
		e->cie = e->id - id;
	} else {
		e->is_cie = id == (e->id_size == 4 ? 0xffffffff : UINT64_MAX);
		e->cie = id;
	}
	return true;
}

static bool is_terminator(const struct cfi_section *sec, size_t at)
{
	static const uint8_t zero[4];

	return sec->size - at >= 4 && memcmp(sec->data + at, zero, 4) == 0;
}

/* libdw stops at an empty entry, wherever it is: let the entry before it swallow it. */
static void swallow(struct cfi_section *sec, const struct entry *prev)
{
	size_t length = prev->end + 4 - prev->id;
	uint8_t *p = sec->data + prev->start + (prev->id_size == 8 ? 4 : 0);

	memcpy(p, &length, prev->id_size);
}

/*
 * The section ends where something is no entry; empty entries are taken out. @sec->size becomes
 * what is left.
 */
static void trim(struct cfi_section *sec)
{
	struct entry e, prev = {0};
	size_t at = 0;

	while (at < sec->size) {
		if (is_terminator(sec, at)) {
			if (sec->stop_at_terminator)
				break;
			if (!at) {
				sec->data += 4;
				sec->size -= 4;
				sec->vaddr += 4;
				continue;
			}
			swallow(sec, &prev);
			at += 4;
			prev.end = at;
			continue;
		}
		if (!read_entry(sec, at, &e))
			break;
		if (!e.is_cie && !sec->max_fdes--)
			break;
		prev = e;
		at = e.end;
	}
	sec->size = at;
}

/* Operands of the instructions whose two high bits are zero. */
enum operand { NONE, U1, U2, U4, U8, REG, LEB, BLOCK, ADDR, BAD };

static const uint8_t operands[64][2] = {
	[DW_CFA_nop] = {NONE},
	[DW_CFA_set_loc] = {ADDR},
	[DW_CFA_advance_loc1] = {U1},
	[DW_CFA_advance_loc2] = {U2},
	[DW_CFA_advance_loc4] = {U4},
	[DW_CFA_offset_extended] = {REG, LEB},
	[DW_CFA_restore_extended] = {REG},
	[DW_CFA_undefined] = {REG},
	[DW_CFA_same_value] = {REG},
	[DW_CFA_register] = {REG, REG},
	[DW_CFA_remember_state] = {NONE},
	[DW_CFA_restore_state] = {NONE},
	[DW_CFA_def_cfa] = {REG, LEB},
	[DW_CFA_def_cfa_register] = {REG},
	[DW_CFA_def_cfa_offset] = {LEB},
	[DW_CFA_def_cfa_expression] = {BLOCK},
	[DW_CFA_expression] = {REG, BLOCK},
	[DW_CFA_offset_extended_sf] = {REG, LEB},
	[DW_CFA_def_cfa_sf] = {REG, LEB},
	[DW_CFA_def_cfa_offset_sf] = {LEB},
	[DW_CFA_val_offset] = {REG, LEB},
	[DW_CFA_val_offset_sf] = {REG, LEB},
	[DW_CFA_val_expression] = {REG, BLOCK},
	[0x17 ... 0x1c] = {BAD},
	[DW_CFA_MIPS_advance_loc8] = {U8},
	[0x1e ... 0x2c] = {BAD},
	[DW_CFA_GNU_window_save] = {BAD},
	[DW_CFA_GNU_args_size] = {LEB},
	[DW_CFA_GNU_negative_offset_extended] = {REG, LEB},
	[0x30 ... 0x3f] = {BAD},
};

static bool skip_operand(const uint8_t **p, const uint8_t *end, enum operand kind, uint8_t encoding)
{
	uint64_t val;

	switch (kind) {
	case NONE:
		return true;
	case U1:
		return skip(p, end, 1);
	case U2:
		return skip(p, end, 2);
	case U4:
		return skip(p, end, 4);
	case U8:
		return skip(p, end, 8);
	case LEB:
		return read_uleb(p, end, &val);
	case REG:
		return read_uleb(p, end, &val) && val <= MAX_REG;
	case BLOCK:
		return read_uleb(p, end, &val) && val && skip(p, end, val);
	case ADDR:
		return cfi_read_pointer(p, end, encoding, 0, &val);
	default:
		return false;
	}
}

struct program {
	uint32_t rows;	     /* instructions that begin a row */
	uint32_t depth;	     /* states that are remembered now */
	uint32_t remembered; /* and in all */
	uint8_t encoding;
};

static bool skip_instruction(struct program *prog, const uint8_t **p, const uint8_t *end)
{
	uint8_t op = *(*p)++;

	if (op >> 6) {
		prog->rows += op >> 6 == DW_CFA_advance_loc >> 6;
		return op >> 6 != DW_CFA_offset >> 6 || skip_operand(p, end, LEB, 0);
	}
	prog->remembered += op == DW_CFA_remember_state;
	if (op == DW_CFA_remember_state && ++prog->depth > MAX_REMEMBER)
		return false;
	if (op == DW_CFA_restore_state && !prog->depth--)
		return false;
	prog->rows += (op >= DW_CFA_set_loc && op <= DW_CFA_advance_loc4) ||
		      op == DW_CFA_MIPS_advance_loc8;
	return skip_operand(p, end, operands[op][0], prog->encoding) &&
	       skip_operand(p, end, operands[op][1], prog->encoding);
}

static bool check_program(struct program *prog, const uint8_t *p, const uint8_t *end)
{
	while (p < end)
		if (!skip_instruction(prog, &p, end))
			return false;
	return true;
}

/* The letters behind 'z', and the data that goes with them. */
static bool read_augmentation(struct cie *cie, const char *letters, const uint8_t *p,
			      const uint8_t *end)
{
	uint8_t encoding;

	for (; *letters; letters++) {
		switch (*letters) {
		case 'S':
			cie->signal = true;
			break;
		case 'R':
			if (p == end)
				return false;
			cie->encoding = *p++;
			break;
		case 'L':
			if (!skip(&p, end, 1))
				return false;
			break;
		case 'P':
			if (p == end)
				return false;
			encoding = *p++;
			if ((encoding & 0x70) == DW_EH_PE_aligned || !pointer_size(encoding) ||
			    !skip(&p, end, pointer_size(encoding)))
				return false;
			break;
		default:
			return false;
		}
	}
	return true;
}

/* From the version up to the instructions, which are then at *@p. */
static bool read_cie(struct cie *cie, const uint8_t **p, const uint8_t *end)
{
	uint8_t version = *(*p)++;
	const char *letters = (const char *)*p;
	const uint8_t *nul = memchr(*p, '\0', (size_t)(end - *p));
	uint64_t val;

	if (!nul || (version != 1 && version != 3 && version != 4))
		return false;
	*p = nul + 1;
	/* Size of an address and of a segment selector. */
	if (version == 4 && (end - *p < 2 || (*p)[0] != 8 || (*p)[1] || !skip(p, end, 2)))
		return false;
	if (!read_uleb(p, end, &val) || !read_uleb(p, end, &val))
		return false;
	if (version == 1 ? !skip(p, end, 1) : !read_uleb(p, end, &val))
		return false;
	cie->sized = letters[0] == 'z';
	if (!cie->sized)
		return letters[0] == '\0';
	if (!read_uleb(p, end, &val) || (uint64_t)(end - *p) < val)
		return false;
	if (!read_augmentation(cie, letters + 1, *p, *p + val))
		return false;
	*p += val;
	return true;
}

static void check_cie(struct checker *c, const struct entry *e)
{
	const uint8_t *p = c->sec->data + e->id + e->id_size, *end = c->sec->data + e->end;
	struct cie cie = {.offset = e->start, .encoding = DW_EH_PE_absptr};
	struct program prog = {0};

	if (!read_cie(&cie, &p, end)) {
		hide(c->sec, e);
		return;
	}
	prog.encoding = cie.encoding;
	/* Rows before there is code make no sense to libdw either. */
	cie.refused = !check_program(&prog, p, end) || prog.rows;
	buf_append(&c->cies, &cie, sizeof(cie));
}

static int cmp_cie(const void *key, const void *elem)
{
	uint64_t offset = *(const uint64_t *)key, have = ((const struct cie *)elem)->offset;

	return offset < have ? -1 : offset > have;
}

static const struct cie *find_cie(const struct checker *c, uint64_t offset)
{
	if (!c->cies.len)
		return NULL;
	return bsearch(&offset, c->cies.data, c->cies.len / sizeof(struct cie), sizeof(struct cie),
		       cmp_cie);
}

/* Charges the time that libdw will need; false when it is too much. */
static bool charge(struct checker *c, const struct program *prog, size_t bytes)
{
	uint64_t work =
		(prog->rows + 1ull) * (64 + bytes + (uint64_t)prog->remembered * REMEMBER_BYTES);

	if (work > max_fde_work || work > max_work - c->work)
		return false;
	c->work += work;
	return true;
}

/* Range and instructions of an FDE; false when not even the range can be read. */
static bool read_fde(struct checker *c, const struct cie *cie, const struct entry *e,
		     struct cfi_fde *fde)
{
	const uint8_t *base = c->sec->data, *p = base + e->id + e->id_size, *end = base + e->end;
	struct program prog = {.encoding = cie->encoding};
	uint64_t vaddr = c->sec->vaddr + (uint64_t)(p - base), size, aug = 0;

	if (!cfi_read_pointer(&p, end, cie->encoding, vaddr, &fde->start) ||
	    !cfi_read_pointer(&p, end, cie->encoding & 0x0f, 0, &size))
		return false;
	fde->end = fde->start + size;
	fde->offset = (uint32_t)e->start;
	fde->use = cie->signal ? CFI_SIGNAL : CFI_USE;
	if (fde->end <= fde->start)
		return false;
	if (cie->sized && (!read_uleb(&p, end, &aug) || !skip(&p, end, aug)))
		fde->use = CFI_REFUSED;
	if (fde->use == CFI_USE &&
	    (cie->refused || !check_program(&prog, p, end) || !charge(c, &prog, (size_t)(end - p))))
		fde->use = CFI_REFUSED;
	return true;
}

static void check_fde(struct checker *c, const struct entry *e)
{
	const struct cie *cie = find_cie(c, e->cie);
	struct cfi_fde fde;

	if (cie && read_fde(c, cie, e, &fde))
		buf_append(c->fdes, &fde, sizeof(fde));
	else
		hide(c->sec, e);
}

static void for_each_entry(struct checker *c, bool cies)
{
	struct entry e;

	for (size_t at = 0; at < c->sec->size && read_entry(c->sec, at, &e); at = e.end)
		if (e.is_cie == cies)
			cies ? check_cie(c, &e) : check_fde(c, &e);
}

static int cmp_fde(const void *a, const void *b)
{
	const struct cfi_fde *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* libdw's search tree makes no sense of ranges that overlap: only the first one stays. */
static void drop_overlaps(struct cfi_section *sec, struct buf *fdes)
{
	struct cfi_fde *f = (struct cfi_fde *)fdes->data;
	size_t n = fdes->len / sizeof(*f), kept = 0;
	uint64_t end = 0;
	struct entry e;

	if (n)
		qsort(f, n, sizeof(*f), cmp_fde);
	for (size_t i = 0; i < n; i++) {
		bool overlaps = f[i].start < end;

		if (overlaps || f[i].use != CFI_USE) {
			read_entry(sec, f[i].offset, &e);
			hide(sec, &e);
		}
		if (overlaps)
			continue;
		end = f[i].end;
		f[kept++] = f[i];
	}
	fdes->len = kept * sizeof(*f);
}

int cfi_check(struct cfi_section *sec, struct buf *fdes)
{
	struct checker c = {.sec = sec, .fdes = fdes};
	int err;

	trim(sec);
	for_each_entry(&c, true);
	for_each_entry(&c, false);
	err = buf_error(&c.cies) ? buf_error(&c.cies) : buf_error(fdes);
	buf_deinit(&c.cies);
	if (!err)
		drop_overlaps(sec, fdes);
	return err;
}
