// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbols.h"

#include <elf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "dwarf.h"
#include "elf.h"
#include "fdes.h"
#include "minidebug.h"
#include "pclntab.h"
#include "symtab.h"

/**
 * struct symbols - where names come from, the best first
 * @go: pclntab, or NULL
 * @dwarf: or NULL; opened when the first name is wanted
 * @table: symbol tables
 * @fdes: struct cfi_fde, read when a name must be invented
 * @complete: all functions that there are have a name
 */
struct symbols {
	struct elf_image *img;
	struct elf_image *debug;
	struct pclntab *go;
	struct debug_info *dwarf;
	bool dwarf_tried;
	struct symtab table;
	struct elf_image *mini;
	int mini_fd;
	struct buf fdes;
	bool fdes_read;
	bool complete;
};

/* Of all files that have the same functions, the first that has a .symtab. */
static int64_t add_full_table(struct symbols *s)
{
	int64_t n = symtab_add(&s->table, s->img, ".symtab");

	if (n == 0 && s->debug)
		n = symtab_add(&s->table, s->debug, ".symtab");
	return n;
}

static int64_t add_mini_table(struct symbols *s)
{
	int err = minidebug_open(s->img, &s->mini_fd, &s->mini);

	if (err)
		return err == -ENOMEM ? err : 0;
	return symtab_add(&s->table, s->mini, ".symtab");
}

static int read_tables(struct symbols *s)
{
	int64_t n = add_full_table(s), dynamic;

	if (n == 0)
		n = add_mini_table(s);
	if (n < 0)
		return (int)n;
	s->complete = n > 0;
	/* A .symtab has these, too, unless someone took out some of it. */
	if (s->img->nsections)
		dynamic = symtab_add(&s->table, s->img, ".dynsym");
	else
		dynamic = symtab_add_dynamic(&s->table, s->img);
	return dynamic < 0 ? (int)dynamic : symtab_finish(&s->table);
}

int symbols_create(struct elf_image *img, struct elf_image *debug, struct symbols **out)
{
	struct symbols *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->img = img;
	s->debug = debug;
	s->mini_fd = -1;
	err = pclntab_open(img, &s->go);
	s->go = err ? NULL : s->go;
	if (err != -ENOMEM)
		err = read_tables(s);
	if (err) {
		symbols_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

void symbols_destroy(struct symbols *s)
{
	if (!s)
		return;
	debug_info_close(s->dwarf);
	pclntab_close(s->go);
	symtab_deinit(&s->table);
	elf_image_close(s->mini);
	if (s->mini_fd >= 0)
		close(s->mini_fd);
	buf_deinit(&s->fdes);
	free(s);
}

static int open_dwarf(struct symbols *s)
{
	int err;

	if (s->dwarf_tried)
		return 0;
	s->dwarf_tried = true;
	err = debug_info_open(s->img, s->img, &s->dwarf);
	if (err == -ENOENT && s->debug)
		err = debug_info_open(s->debug, s->img, &s->dwarf);
	return err == -ENOENT ? 0 : err;
}

static int read_fdes(struct symbols *s)
{
	if (s->fdes_read)
		return 0;
	s->fdes_read = true;
	return fdes_read(s->img, &s->fdes);
}

/* Code comes from an executable segment; other segments may show the same bytes of the file. */
static bool code_vaddr(const struct elf_image *img, uint64_t offset, uint64_t *vaddr)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (!(s->flags & PF_X) || offset < s->offset || offset - s->offset >= s->filesz)
			continue;
		*vaddr = offset - s->offset + s->vaddr;
		return true;
	}
	return elf_offset_to_vaddr(img, offset, vaddr);
}

/* Hand-written functions may go on behind the size that they are said to have, so far at the most.
 */
enum { TAIL_MAX = 4096 };

/* Of a table that has all functions: what no symbol covers belongs to the one before. */
static const struct sym_range *tail_of(const struct symbols *s, uint64_t vaddr)
{
	const struct sym_range *r = s->complete ? symtab_before(&s->table, vaddr) : NULL;

	return r && vaddr - r->start - r->len < TAIL_MAX ? r : NULL;
}

/*
 * The symbol at an address. What a symbol covers without a size, or beyond it, is a guess: an FDE
 * that begins later is another function.
 */
static int find_symbol(struct symbols *s, uint64_t vaddr, const struct sym_range **out)
{
	const struct cfi_fde *fde;
	int err;

	*out = symtab_find(&s->table, vaddr);
	if (*out && (*out)->sized)
		return 0;
	if (!*out)
		*out = tail_of(s, vaddr);
	if (!*out)
		return 0;
	err = read_fdes(s);
	if (err)
		return err;
	fde = fdes_find(&s->fdes, vaddr);
	if (fde && fde->start > (*out)->start)
		*out = NULL;
	return 0;
}

static void add_symbol(const struct sym_range *sym, struct names_builder *out)
{
	char name[SYMTAB_NAME_MAX];

	symtab_name_copy(sym, name);
	names_add(out, name, "", 0, 0);
}

static int invent(struct symbols *s, const char *basename, uint64_t vaddr,
		  struct names_builder *out)
{
	const struct cfi_fde *fde;
	char name[512];
	int err = read_fdes(s);

	if (err)
		return err;
	fde = fdes_find(&s->fdes, vaddr);
	if (!fde)
		return -ENOENT;
	snprintf(name, sizeof(name), "%.255s+0x%" PRIx64, basename, fde->start);
	names_add(out, name, "", 0, 0);
	names_set_flags(out, NAMES_INVENTED);
	return 0;
}

/* What is known of one address; *@named when it has a name that is not invented. */
static int resolve_one(struct symbols *s, const char *basename, uint64_t offset, bool *named,
		       struct names_builder *out)
{
	const struct sym_range *sym;
	uint64_t vaddr;
	int err;

	*named = false;
	names_begin(out);
	if (!code_vaddr(s->img, offset, &vaddr))
		return 0;
	*named = true;
	if (s->go && pclntab_resolve(s->go, vaddr, out) == 0)
		return 0;
	err = find_symbol(s, vaddr, &sym);
	if (err)
		return err;
	err = s->dwarf ? debug_info_resolve(s->dwarf, vaddr, sym, out) : -ENOENT;
	if (err != -ENOENT)
		return err;
	if (sym) {
		add_symbol(sym, out);
		return 0;
	}
	*named = false;
	err = invent(s, basename, vaddr, out);
	return err == -ENOENT ? 0 : err;
}

struct wanted {
	uint64_t offset;
	uint32_t index; /* in the caller's order */
};

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->offset != y->offset)
		return x->offset < y->offset ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

/* Names of all offsets in ascending order, which the DWARF reader wants, into @out. */
static int resolve_sorted(struct symbols *s, const char *basename, const struct wanted *w, size_t n,
			  bool *all, struct names_builder *out)
{
	*all = true;
	for (size_t i = 0; i < n; i++) {
		bool named;
		int err = resolve_one(s, basename, w[i].offset, &named, out);

		if (err || out->error)
			return -ENOMEM;
		*all = *all && named;
	}
	return 0;
}

/* The names of the sorted offsets, @rank[i] being the place of the caller's offset i. */
static void add_in_order(const struct names *sorted, const uint32_t *rank, size_t n,
			 struct names_builder *out)
{
	for (size_t i = 0; i < n; i++) {
		names_begin(out);
		for (uint32_t k = 0; k < names_count(sorted, rank[i]); k++) {
			struct name_line l = names_get(sorted, rank[i], k);

			names_add(out, l.name, l.file, l.line, l.start_line);
		}
	}
	names_set_flags(out, sorted->flags & NAMES_INVENTED);
}

static int resolve_all(struct symbols *s, const char *basename, struct wanted *w, uint32_t *rank,
		       size_t n, struct names_builder *out)
{
	_cleanup_(names_builder_deinit) struct names_builder b = {0};
	_cleanup_buf_ struct buf block = {0};
	struct names sorted;
	bool all;
	int err;

	qsort(w, n, sizeof(*w), compare_wanted);
	for (size_t i = 0; i < n; i++)
		rank[w[i].index] = (uint32_t)i;
	err = resolve_sorted(s, basename, w, n, &all, &b);
	if (!err)
		err = names_finish(&b, &block);
	if (err)
		return err;
	if (names_map(block.data, block.len, &sorted) != 0)
		return -ENOMEM;
	add_in_order(&sorted, rank, n, out);
	if (s->complete || s->go || s->dwarf || (all && n))
		names_set_flags(out, NAMES_ALL_FUNCTIONS);
	return out->error;
}

int symbols_resolve(struct symbols *s, const char *basename, const uint64_t *offsets, size_t n,
		    struct names_builder *out)
{
	_cleanup_free_ struct wanted *w = calloc(n ? n : 1, sizeof(*w));
	_cleanup_free_ uint32_t *rank = calloc(n ? n : 1, sizeof(*rank));
	int err;

	if (!w || !rank || n > UINT32_MAX)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		w[i] = (struct wanted){offsets[i], (uint32_t)i};
	err = open_dwarf(s);
	if (s->dwarf)
		debug_info_start(s->dwarf);
	return err ? err : resolve_all(s, basename, w, rank, n, out);
}

size_t symbols_bytes(const struct symbols *s)
{
	size_t n = sizeof(*s) + s->table.bytes + s->fdes.cap;

	if (s->go)
		n += pclntab_bytes(s->go);
	if (s->dwarf)
		n += debug_info_bytes(s->dwarf);
	if (s->mini)
		n += s->mini->size;
	return n;
}
