// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Symbols overlap, have several names for one address, and assembly has no sizes. Three tiers:
 * functions with a size, then in the gaps functions without, then labels of code that has no type
 * at all. What has no size covers all up to the next of its tier or the end of its section.
 */
#include "symtab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "dynsym.h"
#include "symname.h"

/* A table of 8 million symbols. */
#define TABLE_MAX   (192u << 20)
#define STRINGS_MAX (512u << 20)

enum tier { TIER_SIZED, TIER_UNSIZED, TIER_LABEL, TIERS };

struct sym {
	uint64_t start;
	uint64_t end; /* of the section when there is no size */
	const char *name;
	uint8_t tier;
	uint8_t bind;
};

/* A string table with the offset behind its last NUL: no name begins there or later. */
struct strings {
	const char *data;
	size_t end;
};

/* Bytes of a name without its version. */
static size_t name_len(const char *name)
{
	size_t n = strcspn(name, "@");

	return n ? n : strlen(name);
}

void symtab_name_copy(const struct sym_range *r, char name[SYMTAB_NAME_MAX])
{
	size_t n = name_len(r->name);

	if (n >= SYMTAB_NAME_MAX)
		n = SYMTAB_NAME_MAX - 1;
	memcpy(name, r->name, n);
	name[n] = '\0';
}

static bool is_local(const struct sym *s)
{
	return s->bind == STB_LOCAL;
}

/* < 0 when @a is the better name of what begins at one address. */
static int compare_names(const struct sym *a, const struct sym *b)
{
	size_t alen = name_len(a->name), blen = name_len(b->name);
	size_t ua = symname_underscores(a->name, alen), ub = symname_underscores(b->name, blen);

	if (is_local(a) != is_local(b))
		return is_local(b) ? -1 : 1;
	if (ua != ub)
		return ua < ub ? -1 : 1;
	if ((a->bind == STB_WEAK) != (b->bind == STB_WEAK))
		return b->bind == STB_WEAK ? -1 : 1;
	return symname_compare(a->name, alen, b->name, blen);
}

/* By tier and address; the best name of an address is the last. */
static int compare_syms(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	if (x->tier != y->tier)
		return x->tier < y->tier ? -1 : 1;
	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return -compare_names(x, y);
}

static const struct elf_section *section_at(const struct elf_image *img, size_t index)
{
	size_t lo = 0, hi = img->nsections;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (img->sections[mid].index < index)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < img->nsections && img->sections[lo].index == index ? &img->sections[lo] : NULL;
}

static bool is_label(const char *name)
{
	return name[0] && name[0] != '$' && strncmp(name, ".L", 2) != 0;
}

/* Which tier a symbol is of; TIERS for none. */
static enum tier tier_of(const Elf64_Sym *s, const char *name)
{
	switch (ELF64_ST_TYPE(s->st_info)) {
	case STT_FUNC:
	case STT_GNU_IFUNC:
		return s->st_size ? TIER_SIZED : TIER_UNSIZED;
	case STT_NOTYPE:
		return is_label(name) ? TIER_LABEL : TIERS;
	default:
		return TIERS;
	}
}

/* The code around a symbol: its section, or the segment when there are no sections. */
static bool code_around(const struct elf_image *img, const Elf64_Sym *s, uint64_t *end)
{
	const struct elf_section *sec = section_at(img, s->st_shndx);

	if (sec) {
		*end = sec->addr + sec->size;
		return sec->flags & SHF_EXECINSTR && s->st_value >= sec->addr && s->st_value < *end;
	}
	for (size_t i = 0; !img->nsections && i < img->nsegments; i++) {
		const struct elf_segment *seg = &img->segments[i];

		if (!(seg->flags & PF_X) || s->st_value < seg->vaddr ||
		    s->st_value - seg->vaddr >= seg->filesz)
			continue;
		*end = seg->vaddr + seg->filesz;
		return true;
	}
	return false;
}

static bool take_symbol(const struct elf_image *img, const struct strings *str, const Elf64_Sym *s,
			struct sym *out)
{
	enum tier tier;
	uint64_t end;

	if (s->st_shndx == SHN_UNDEF || s->st_shndx >= SHN_LORESERVE || s->st_name >= str->end)
		return false;
	tier = tier_of(s, str->data + s->st_name);
	if (tier == TIERS || !str->data[s->st_name])
		return false;
	if (!code_around(img, s, &end))
		return false;
	*out = (struct sym){
		.start = s->st_value,
		.end = end,
		.name = str->data + s->st_name,
		.tier = (uint8_t)tier,
		.bind = ELF64_ST_BIND(s->st_info),
	};
	if (s->st_size && s->st_size < out->end - out->start)
		out->end = out->start + s->st_size;
	return true;
}

static struct strings strings_of(const char *data, size_t size)
{
	const char *nul = size ? memrchr(data, '\0', size) : NULL;

	return (struct strings){data, nul ? (size_t)(nul - data) + 1 : 0};
}

static int read_strings(struct elf_image *img, const struct elf_section *symtab,
			struct strings *out)
{
	const struct elf_section *sec = section_at(img, symtab->link);
	const uint8_t *data;
	size_t size;
	int err;

	*out = (struct strings){0};
	if (!sec || sec->type != SHT_STRTAB)
		return -EBADMSG;
	err = elf_section_read(img, sec, STRINGS_MAX, &data, &size);
	if (err)
		return err;
	*out = strings_of((const char *)data, size);
	return 0;
}

static int64_t add_symbols(struct symtab *t, const struct elf_image *img, const struct strings *str,
			   const uint8_t *data, size_t size)
{
	int64_t added = 0;

	for (size_t at = sizeof(Elf64_Sym); at + sizeof(Elf64_Sym) <= size;
	     at += sizeof(Elf64_Sym)) {
		Elf64_Sym s;
		struct sym sym;

		memcpy(&s, data + at, sizeof(s));
		if (!take_symbol(img, str, &s, &sym))
			continue;
		buf_append(&t->syms, &sym, sizeof(sym));
		added++;
	}
	t->bytes += size + str->end;
	return buf_error(&t->syms) ? -ENOMEM : added;
}

int64_t symtab_add(struct symtab *t, struct elf_image *img, const char *name)
{
	const struct elf_section *sec = elf_section_find(img, name);
	struct strings str;
	const uint8_t *data;
	size_t size;
	int err;

	if (!sec || (sec->type != SHT_SYMTAB && sec->type != SHT_DYNSYM))
		return 0;
	err = read_strings(img, sec, &str);
	if (!err)
		err = elf_section_read(img, sec, TABLE_MAX, &data, &size);
	if (err)
		return err == -ENOMEM ? err : 0;
	return add_symbols(t, img, &str, data, size);
}

int64_t symtab_add_dynamic(struct symtab *t, const struct elf_image *img)
{
	_cleanup_free_ uint8_t *symbols = NULL;
	struct strings str;
	struct dynsym d;
	int err = t->own ? 0 : dynsym_read(img, &d);

	if (t->own || err)
		return err == -ENOMEM ? err : 0;
	symbols = d.symbols;
	t->own = d.strings;
	str = strings_of(d.strings, d.strings_size);
	return add_symbols(t, img, &str, symbols, d.symbols_size);
}

void symtab_each(const struct symtab *t,
		 void (*fn)(void *ctx, const char *name, size_t len, uint64_t start, uint64_t end),
		 void *ctx)
{
	const struct sym *syms = (const struct sym *)(const void *)t->syms.data;

	for (size_t i = 0; i < t->syms.len / sizeof(*syms); i++)
		fn(ctx, syms[i].name, name_len(syms[i].name), syms[i].start, syms[i].end);
}

/**
 * struct ranges - where ranges are appended
 * @out: of struct sym_range
 */
struct ranges {
	struct buf out;
};

static void emit(struct ranges *r, uint64_t from, uint64_t to, const struct sym *s)
{
	const struct sym_range range = {
		.start = from,
		.len = to - from < UINT32_MAX ? (uint32_t)(to - from) : UINT32_MAX,
		.sized = s->tier == TIER_SIZED,
		.name = s->name,
	};

	if (from < to)
		buf_append(&r->out, &range, sizeof(range));
}

/*
 * Sized functions. The ones that are open at an address are a stack: the one that began last has
 * it, and when it ends the one below goes on.
 */
static int flatten(const struct sym *syms, size_t n, struct ranges *r)
{
	_cleanup_free_ const struct sym **stack = calloc(n ? n : 1, sizeof(struct sym *));
	uint64_t pos = 0;
	size_t depth = 0;

	if (!stack)
		return -ENOMEM;
	for (size_t i = 0; i <= n; i++) {
		uint64_t next = i < n ? syms[i].start : UINT64_MAX;

		while (depth && stack[depth - 1]->end <= next) {
			const struct sym *top = stack[--depth];

			emit(r, pos, top->end, top);
			if (top->end > pos)
				pos = top->end;
		}
		if (i == n)
			break;
		if (depth)
			emit(r, pos, next, stack[depth - 1]);
		pos = next;
		stack[depth++] = &syms[i];
	}
	return buf_error(&r->out) ? -ENOMEM : 0;
}

/* Symbols of one tier fill the gaps of @old; one that begins inside a range of it is dropped. */
static int fill_gaps(const struct sym_range *old, size_t nold, const struct sym *syms, size_t n,
		     struct ranges *r)
{
	size_t o = 0;

	for (size_t i = 0; i < n; i++) {
		const struct sym *s = &syms[i];
		uint64_t end = s->end;

		if (i + 1 < n && syms[i + 1].start == s->start)
			continue;
		while (o < nold && old[o].start <= s->start)
			buf_append(&r->out, &old[o++], sizeof(*old));
		if (o && s->start - old[o - 1].start < old[o - 1].len)
			continue;
		if (o < nold && old[o].start < end)
			end = old[o].start;
		if (i + 1 < n && syms[i + 1].start < end)
			end = syms[i + 1].start;
		emit(r, s->start, end, s);
	}
	if (o < nold)
		buf_append(&r->out, &old[o], (nold - o) * sizeof(*old));
	return buf_error(&r->out) ? -ENOMEM : 0;
}

static size_t count_tier(const struct sym *syms, size_t n, enum tier tier)
{
	size_t k = 0;

	while (k < n && syms[k].tier == tier)
		k++;
	return k;
}

int symtab_finish(struct symtab *t)
{
	struct sym *syms = (struct sym *)(void *)t->syms.data;
	size_t n = t->syms.len / sizeof(*syms), at;
	struct ranges r = {0};
	int err;

	if (!n)
		return 0;
	qsort(syms, n, sizeof(*syms), compare_syms);
	at = count_tier(syms, n, TIER_SIZED);
	err = flatten(syms, at, &r);
	for (enum tier tier = TIER_UNSIZED; !err && tier < TIERS; tier++) {
		_cleanup_buf_ struct buf old = r.out;
		size_t k = count_tier(syms + at, n - at, tier);

		r = (struct ranges){0};
		err = fill_gaps((struct sym_range *)(void *)old.data,
				old.len / sizeof(struct sym_range), syms + at, k, &r);
		at += k;
	}
	buf_deinit(&t->syms);
	if (err) {
		buf_deinit(&r.out);
		return err;
	}
	t->ranges = (struct sym_range *)(void *)r.out.data;
	t->n = r.out.len / sizeof(*t->ranges);
	t->bytes += r.out.cap;
	return 0;
}

const struct sym_range *symtab_before(const struct symtab *t, uint64_t vaddr)
{
	size_t lo = 0, hi = t->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->ranges[mid].start <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo ? &t->ranges[lo - 1] : NULL;
}

const struct sym_range *symtab_find(const struct symtab *t, uint64_t vaddr)
{
	const struct sym_range *r = symtab_before(t, vaddr);

	return r && vaddr - r->start < r->len ? r : NULL;
}

void symtab_deinit(struct symtab *t)
{
	free(t->ranges);
	free(t->own);
	buf_deinit(&t->syms);
	*t = (struct symtab){0};
}
