// SPDX-License-Identifier: GPL-2.0-or-later
#include "gomodule.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* More relocations, data, and pointers to the pclntab than any Go program has. */
enum { RELA_MAX = 256 << 20, DATA_MAX = 256 << 20, TRIES_MAX = 64, CHUNK = 65536 };

/*
 * Offsets in struct moduledata: pcHeader, slices funcnametab, cutab, filetab, pctab, pclntable,
 * ftab, then findfunctab, minpc, maxpc, text ... gofunc. Go 1.20 put covctrs and ecovctrs before
 * gofunc.
 */
enum {
	MODULE_FUNCNAMETAB = 8,
	MODULE_PCTAB = 80,
	MODULE_MINPC = 160,
	MODULE_TEXT = 176,
	MODULE_GOFUNC_1_18 = 304,
	MODULE_GOFUNC_1_20 = 320,
};

/* Calls @cb for each relative relocation until it returns true. */
static bool each_relative(struct elf_image *img, bool (*cb)(const Elf64_Rela *r, void *arg),
			  void *arg)
{
	for (size_t i = 0; i < img->nsections; i++) {
		const struct elf_section *sec = &img->sections[i];
		const uint8_t *data;
		size_t size;

		if (sec->type != SHT_RELA || !(sec->flags & SHF_ALLOC) ||
		    elf_section_read(img, sec, RELA_MAX, &data, &size) != 0)
			continue;
		for (size_t at = 0; at + sizeof(Elf64_Rela) <= size; at += sizeof(Elf64_Rela)) {
			Elf64_Rela r;

			memcpy(&r, data + at, sizeof(r));
			if (ELF64_R_TYPE(r.r_info) == R_X86_64_RELATIVE && cb(&r, arg))
				return true;
		}
	}
	return false;
}

static bool is_at(const Elf64_Rela *r, void *arg)
{
	uint64_t *word = arg;

	if (r->r_offset != *word)
		return false;
	*word = (uint64_t)r->r_addend;
	return true;
}

bool gomodule_word(struct elf_image *img, uint64_t vaddr, uint64_t *value)
{
	uint64_t offset;

	*value = vaddr;
	if (img->type == ET_DYN && each_relative(img, is_at, value))
		return true;
	return elf_vaddr_to_offset(img, vaddr, &offset) &&
	       elf_read_at(img, offset, value, sizeof(*value)) == 0;
}

struct search {
	struct elf_image *img;
	uint64_t pclntab;
	const struct gotable *t;
	unsigned int tries;
	uint64_t module; /* where it is */
};

static bool word_is(struct search *s, uint64_t vaddr, uint64_t want)
{
	uint64_t value;

	return gomodule_word(s->img, vaddr, &value) && value == want;
}

/* A pointer to the pclntab may stand anywhere; in the module data pointers into it follow. */
static bool is_module(struct search *s, uint64_t vaddr)
{
	const struct gotable *t = s->t;
	uint64_t names = (uint64_t)(t->names.data - t->all.data);
	uint64_t pcs = (uint64_t)(t->pcs.data - t->all.data);

	if (++s->tries > TRIES_MAX || !word_is(s, vaddr + MODULE_FUNCNAMETAB, s->pclntab + names) ||
	    !word_is(s, vaddr + MODULE_PCTAB, s->pclntab + pcs))
		return false;
	s->module = vaddr;
	return true;
}

static bool points_at_pclntab(const Elf64_Rela *r, void *arg)
{
	struct search *s = arg;

	return (uint64_t)r->r_addend == s->pclntab && is_module(s, r->r_offset);
}

static bool search_chunk(struct search *s, const struct elf_segment *seg, uint64_t at, size_t n)
{
	uint64_t words[CHUNK / 8];

	if (elf_read_at(s->img, seg->offset + at, words, n) != 0)
		return false;
	for (size_t i = 0; i < n / 8; i++)
		if (words[i] == s->pclntab && is_module(s, seg->vaddr + at + i * 8))
			return true;
	return false;
}

/* Pointers are aligned in memory; segments are, too, in files that Go links. */
static bool search_data(struct search *s)
{
	for (size_t i = 0; i < s->img->nsegments; i++) {
		const struct elf_segment *seg = &s->img->segments[i];
		uint64_t size = seg->filesz < DATA_MAX ? seg->filesz : DATA_MAX;

		if (!(seg->flags & PF_W) || seg->vaddr % 8)
			continue;
		for (uint64_t at = 0; at < size; at += CHUNK)
			if (search_chunk(s, seg, at, size - at < CHUNK ? size - at : CHUNK))
				return true;
	}
	return false;
}

bool gomodule_find(struct elf_image *img, uint64_t vaddr, const struct gotable *t, uint64_t *text,
		   uint64_t *gofunc)
{
	struct search s = {.img = img, .pclntab = vaddr, .t = t};
	uint64_t at = t->version >= GO_1_20 ? MODULE_GOFUNC_1_20 : MODULE_GOFUNC_1_18;

	if (t->version < GO_1_18)
		return false;
	if (!(img->type == ET_DYN && each_relative(img, points_at_pclntab, &s)) && !search_data(&s))
		return false;
	return gomodule_word(img, s.module + MODULE_TEXT, text) &&
	       gomodule_word(img, s.module + at, gofunc);
}
