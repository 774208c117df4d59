// SPDX-License-Identifier: GPL-2.0-or-later
#include "cfi.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "cfi_check.h"
#include "cfi_rule.h"
#include "elf.h"
#include "textscan.h"

/* No frame information is larger; browsers have about 10 MiB. */
enum { MAX_SECTION = 256 << 20 };

/* libdw needs about 150 bytes for each. */
enum { MAX_FDES = 2 << 20 };

/* PT_GNU_EH_FRAME is read this far; its search table is not needed. */
enum { MAX_EH_FRAME_HDR = 64 };

/*
 * libdw is not given the file but an ELF image of one section, made here: so none of the file's own
 * headers and search tables is read by it, and a section that has no header needs no other way.
 */
struct small_elf {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[3];
	char names[32];
	uint8_t data[];
};

static const char section_names[32] = "\0.eh_frame\0.debug_frame\0.names";
enum { NAME_EH_FRAME = 1, NAME_DEBUG_FRAME = 11, NAME_NAMES = 24 };

/* Frame information, opened with libdw. */
struct frames {
	struct small_elf *mem;
	struct cfi_section sec;
	Elf *elf;
	Dwarf *dwarf;
	Dwarf_CFI *cfi;
	bool own_cfi;
	struct buf fdes;
	bool has_entry;
	uint64_t entry;
};

static void frames_deinit(struct frames *f)
{
	if (f->own_cfi)
		dwarf_cfi_end(f->cfi);
	dwarf_end(f->dwarf);
	elf_end(f->elf);
	buf_deinit(&f->fdes);
	free(f->mem);
}

#define _cleanup_frames_ __attribute__((__cleanup__(frames_deinit)))

/* Room for a section of @size bytes. */
static int frames_alloc(struct frames *f, size_t size, uint64_t vaddr, bool eh)
{
	f->mem = calloc(1, sizeof(*f->mem) + size + CFI_PADDING);
	if (!f->mem)
		return -ENOMEM;
	f->sec = (struct cfi_section){
		.data = f->mem->data,
		.size = size,
		.vaddr = vaddr,
		.eh = eh,
		.max_fdes = MAX_FDES,
	};
	return 0;
}

static void fill_headers(struct frames *f, uint16_t machine)
{
	struct small_elf *m = f->mem;

	m->eh = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = machine,
		.e_version = EV_CURRENT,
		.e_shoff = offsetof(struct small_elf, sh),
		.e_ehsize = sizeof(m->eh),
		.e_shentsize = sizeof(m->sh[0]),
		.e_shnum = ARRAY_SIZE(m->sh),
		.e_shstrndx = 2,
	};
	memcpy(m->names, section_names, sizeof(m->names));
	m->sh[1] = (Elf64_Shdr){
		.sh_name = f->sec.eh ? NAME_EH_FRAME : NAME_DEBUG_FRAME,
		.sh_type = SHT_PROGBITS,
		.sh_addr = f->sec.vaddr,
		.sh_offset = (uint64_t)(f->sec.data - (uint8_t *)m),
		.sh_size = f->sec.size,
		.sh_addralign = 1,
	};
	m->sh[2] = (Elf64_Shdr){
		.sh_name = NAME_NAMES,
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct small_elf, names),
		.sh_size = sizeof(m->names),
		.sh_addralign = 1,
	};
}

/* 0 also when libdw does not like what it gets; then there is no f->cfi. */
static int frames_open(struct frames *f, uint16_t machine)
{
	size_t end;
	int err = cfi_check(&f->sec, &f->fdes);

	if (err)
		return err;
	fill_headers(f, machine);
	end = (size_t)(f->sec.data - (uint8_t *)f->mem) + f->sec.size + CFI_PADDING;
	f->elf = elf_memory((char *)f->mem, end);
	if (!f->elf)
		return 0;
	if (f->sec.eh) {
		f->cfi = dwarf_getcfi_elf(f->elf);
		f->own_cfi = f->cfi != NULL;
		return 0;
	}
	f->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
	if (f->dwarf)
		f->cfi = dwarf_getcfi(f->dwarf);
	return 0;
}

/* Where the code of an FDE is in the file; what is not executable code there is cut off. */
static bool place_in_file(const struct elf_image *img, const struct cfi_fde *fde, uint64_t *start,
			  uint64_t *end, uint64_t *delta)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (!(s->flags & PF_X) || fde->start < s->vaddr ||
		    fde->start - s->vaddr >= s->filesz)
			continue;
		*start = fde->start;
		*end = fde->end < s->vaddr + s->filesz ? fde->end : s->vaddr + s->filesz;
		*delta = s->offset - s->vaddr;
		return true;
	}
	return false;
}

/* The row of the frame at @pc; returns where it ends, at most @end. */
static uint64_t add_row(struct frames *f, uint64_t pc, uint64_t end, uint64_t delta,
			struct rows_builder *out)
{
	struct kpprof_rule rule = {.kind = KPPROF_RULE_UNSUPPORTED};
	Dwarf_Frame *frame = NULL;
	Dwarf_Addr row_start, row_end = end;
	bool is_signal;

	if (f->cfi && dwarf_cfi_addrframe(f->cfi, pc, &frame) == 0) {
		rule = cfi_rule(frame, dwarf_frame_info(frame, &row_start, &row_end, &is_signal));
		free(frame);
	}
	if (row_end <= pc || row_end > end)
		row_end = end;
	rows_add(out, pc + delta, row_end + delta, &rule);
	return row_end;
}

/* The rule of all of an FDE, or NONE when its rows have their own. */
static uint8_t whole_range(const struct frames *f, const struct cfi_fde *fde)
{
	if (fde->use == CFI_SIGNAL)
		return KPPROF_RULE_SIGNAL;
	/* Nothing calls the entry point, whether its frame information says so or not. */
	if (f->has_entry && fde->start == f->entry)
		return KPPROF_RULE_STOP;
	return fde->use == CFI_REFUSED ? KPPROF_RULE_UNSUPPORTED : KPPROF_RULE_NONE;
}

static void add_fde(struct frames *f, const struct elf_image *img, const struct cfi_fde *fde,
		    struct rows_builder *out)
{
	struct kpprof_rule rule = {.kind = whole_range(f, fde)};
	uint64_t pc, end, delta;

	if (!place_in_file(img, fde, &pc, &end, &delta))
		return;
	if (rule.kind != KPPROF_RULE_NONE) {
		rows_add(out, pc + delta, end + delta, &rule);
		return;
	}
	while (pc < end && !out->error)
		pc = add_row(f, pc, end, delta, out);
}

static int add_frames(struct frames *f, struct elf_image *img, struct rows_builder *out)
{
	const struct cfi_fde *fde;
	int err = frames_open(f, img->machine);

	if (err)
		return err;
	f->has_entry = textscan_entry(img, &f->entry);
	fde = (const struct cfi_fde *)f->fdes.data;
	for (size_t i = 0; i < f->fdes.len / sizeof(*fde); i++)
		add_fde(f, img, &fde[i], out);
	return 0;
}

static int add_section(struct elf_image *img, const struct elf_section *sec, bool eh,
		       struct rows_builder *out)
{
	_cleanup_frames_ struct frames f = {0};
	const uint8_t *data = NULL;
	size_t size = sec->size;
	int err = 0;

	/* The image keeps what elf_section_read() reads; a plain section need not be kept. */
	if (sec->flags & SHF_COMPRESSED)
		err = elf_section_read(img, sec, MAX_SECTION, &data, &size);
	if (err || size > MAX_SECTION)
		return err == -ENOMEM ? err : 0;
	err = frames_alloc(&f, size, sec->addr, eh);
	if (err)
		return err;
	if (data)
		memcpy(f.sec.data, data, size);
	else if (elf_read_at(img, sec->offset, f.sec.data, size) != 0)
		return 0;
	return add_frames(&f, img, out);
}

/*
 * Reads where .eh_frame is out of .eh_frame_hdr: version 1, three encodings, the pointer, the
 * number of FDEs.
 */
static bool read_eh_frame_hdr(const struct elf_image *img, uint64_t *vaddr, uint64_t *count)
{
	const struct elf_segment *h = &img->eh_frame_hdr;
	size_t size = h->filesz < MAX_EH_FRAME_HDR ? h->filesz : MAX_EH_FRAME_HDR;
	uint8_t buf[MAX_EH_FRAME_HDR];
	const uint8_t *p = buf + 4, *end = buf + size;

	if (size < 8 || elf_read_at(img, h->offset, buf, size) != 0 || buf[0] != 1)
		return false;
	if (!cfi_read_pointer(&p, end, buf[1], h->vaddr + 4, vaddr))
		return false;
	if (!cfi_read_pointer(&p, end, buf[2], 0, count))
		*count = UINT64_MAX;
	return true;
}

/* Bytes of the file from @vaddr to the end of the segment that it is in. */
static uint64_t rest_of_segment(const struct elf_image *img, uint64_t vaddr)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz)
			return s->filesz - (vaddr - s->vaddr);
	}
	return 0;
}

static int add_eh_frame_segment(struct elf_image *img, struct rows_builder *out)
{
	_cleanup_frames_ struct frames f = {0};
	uint64_t vaddr, count, offset, size;
	int err;

	if (!read_eh_frame_hdr(img, &vaddr, &count) || !elf_vaddr_to_offset(img, vaddr, &offset))
		return 0;
	size = rest_of_segment(img, vaddr);
	if (size > MAX_SECTION || offset > img->size || size > img->size - offset)
		return 0;
	err = frames_alloc(&f, size, vaddr, true);
	if (err)
		return err;
	if (elf_read_at(img, offset, f.sec.data, size) != 0)
		return 0;
	f.sec.stop_at_terminator = true;
	f.sec.max_fdes = count < MAX_FDES ? count : MAX_FDES;
	return add_frames(&f, img, out);
}

static int add_named(struct elf_image *img, const char *name, bool eh, bool *found,
		     struct rows_builder *out)
{
	int err = 0;

	for (size_t i = 0; i < img->nsections && !err; i++) {
		const struct elf_section *s = &img->sections[i];

		if (s->type == SHT_NOBITS || strcmp(s->name, name) != 0)
			continue;
		*found = true;
		err = add_section(img, s, eh, out);
	}
	return err;
}

int cfi_rows(struct elf_image *img, struct rows_builder *out)
{
	bool found = false;
	int err;

	if (elf_version(EV_CURRENT) == EV_NONE)
		return 0;
	err = add_named(img, ".eh_frame", true, &found, out);
	if (!err && !found)
		err = add_eh_frame_segment(img, out);
	if (!err)
		err = add_named(img, ".debug_frame", false, &found, out);
	return err;
}
