// SPDX-License-Identifier: GPL-2.0-or-later
#include "allocfuncs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "elf.h"
#include "fdes.h"
#include "insn.h"
#include "plt.h"
#include "symtab.h"

/* The registers that matter at the entry, by kind. */
static const uint32_t args_of[ALLOC_KINDS] = {
	[ALLOC_SIZE] = 1u << REG_DI,
	[ALLOC_ARRAY] = 1u << REG_DI | 1u << REG_SI,
	[ALLOC_ALIGNED] = 1u << REG_SI,
	[ALLOC_STORED] = 1u << REG_DI | 1u << REG_DX,
	[ALLOC_RESIZE] = 1u << REG_DI | 1u << REG_SI,
	[ALLOC_RESIZE_ARRAY] = 1u << REG_DI | 1u << REG_SI | 1u << REG_DX,
	[ALLOC_FREE] = 1u << REG_DI,
};

/* What other code asks for by name. */
enum { NAME_MALLOC, NAME_LIBC_MALLOC = 15, NAME_NEW = 20, PREFIX_MAX = 16 };

/* Plain names first: of two names for one function the first in this list is taken. */
static const struct known {
	const char *name;
	uint8_t kind;
	uint8_t flags;
} known[] = {
	/* An allocator with names of its own has these, with its prefix. */
	[NAME_MALLOC] = {"malloc", ALLOC_SIZE, 0},
	{"calloc", ALLOC_ARRAY, 0},
	{"realloc", ALLOC_RESIZE, 0},
	{"reallocarray", ALLOC_RESIZE_ARRAY, 0},
	{"free", ALLOC_FREE, 0},
	{"cfree", ALLOC_FREE, 0},
	{"posix_memalign", ALLOC_STORED, 0},
	{"aligned_alloc", ALLOC_ALIGNED, 0},
	{"memalign", ALLOC_ALIGNED, 0},
	{"valloc", ALLOC_SIZE, 0},
	{"pvalloc", ALLOC_SIZE, 0},
	/* jemalloc's own, with flags behind: programs that are built for it call nothing else. */
	{"mallocx", ALLOC_SIZE, 0},
	{"rallocx", ALLOC_RESIZE, 0},
	{"dallocx", ALLOC_FREE, 0},
	{"sdallocx", ALLOC_FREE, 0},
	/* Only the plain ones have other names. */
	[NAME_LIBC_MALLOC] = {"__libc_malloc", ALLOC_SIZE, 0},
	{"__libc_calloc", ALLOC_ARRAY, 0},
	{"__libc_realloc", ALLOC_RESIZE, 0},
	{"__libc_free", ALLOC_FREE, 0},
	{"__libc_memalign", ALLOC_ALIGNED, 0},
	[NAME_NEW] = {"_Znwm", ALLOC_SIZE, ALLOC_CXX},
	{"_Znam", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnwmRKSt9nothrow_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnamRKSt9nothrow_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnwmSt11align_val_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnamSt11align_val_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnwmSt11align_val_tRKSt9nothrow_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZnamSt11align_val_tRKSt9nothrow_t", ALLOC_SIZE, ALLOC_CXX},
	{"_ZdlPv", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPv", ALLOC_FREE, ALLOC_CXX},
	{"_ZdlPvm", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPvm", ALLOC_FREE, ALLOC_CXX},
	{"_ZdlPvRKSt9nothrow_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPvRKSt9nothrow_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdlPvSt11align_val_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPvSt11align_val_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdlPvmSt11align_val_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPvmSt11align_val_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdlPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, ALLOC_CXX},
	{"_ZdaPvSt11align_val_tRKSt9nothrow_t", ALLOC_FREE, ALLOC_CXX},
};

/* Where the image defines each known name; 0 for those that it does not. */
struct definitions {
	struct {
		uint64_t start;
		uint64_t end;
	} at[ARRAY_SIZE(known)];
};

/**
 * struct found - what the names of an image tell
 * @plain: the names as they stand in the list
 * @own: those with the prefix
 * @prefix: an allocator's own, "" for none
 */
struct found {
	struct definitions plain;
	struct definitions own;
	char prefix[PREFIX_MAX];
};

static void take_known(struct definitions *p, size_t n, const char *name, size_t len,
		       uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(known[i].name) == len && memcmp(known[i].name, name, len) == 0) {
			p->at[i].start = start;
			p->at[i].end = end;
		}
}

/* The length of what stands in front of one of jemalloc's names; 0 for nothing. */
static size_t prefix_len(const char *name, size_t len)
{
	static const char *const telling[] = {"sdallocx", "dallocx", "mallctl"};

	for (size_t i = 0; i < ARRAY_SIZE(telling); i++) {
		size_t n = strlen(telling[i]);

		if (len >= n && memcmp(name + len - n, telling[i], n) == 0)
			return len - n;
	}
	return 0;
}

static void take_name(void *ctx, const char *name, size_t len, uint64_t start, uint64_t end)
{
	struct found *f = ctx;
	size_t n = prefix_len(name, len);

	take_known(&f->plain, ARRAY_SIZE(known), name, len, start, end);
	if (n && n < sizeof(f->prefix) && !*f->prefix)
		memcpy(f->prefix, name, n);
}

static void take_own_name(void *ctx, const char *name, size_t len, uint64_t start, uint64_t end)
{
	struct found *f = ctx;
	size_t n = strlen(f->prefix);

	if (len > n && memcmp(name, f->prefix, n) == 0)
		take_known(&f->own, NAME_LIBC_MALLOC, name + n, len - n, start, end);
}

/* Names with a prefix for functions that have plain names as well say nothing new. */
static void drop_aliases(struct found *f)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (f->own.at[i].start == f->plain.at[i].start)
			f->own.at[i].start = 0;
}

static int find_names(struct elf_image *img, struct found *f)
{
	struct symtab t = {0};
	int64_t n = symtab_add(&t, img, ".dynsym");

	if (n == 0)
		n = symtab_add_dynamic(&t, img);
	if (n >= 0)
		n = symtab_add(&t, img, ".symtab");
	if (n >= 0)
		symtab_each(&t, take_name, f);
	if (n >= 0 && *f->prefix)
		symtab_each(&t, take_own_name, f);
	symtab_deinit(&t);
	drop_aliases(f);
	return n < 0 ? (int)n : 0;
}

static bool has_function(const struct buf *out, uint64_t start)
{
	const struct alloc_func *f = (const struct alloc_func *)(const void *)out->data;

	for (size_t i = 0; i < out->len / sizeof(*f); i++)
		if (f[i].start == start)
			return true;
	return false;
}

/* What is read once for all functions of an image. */
struct tables {
	struct buf fdes;
	struct buf slots;
};

static int add_function(struct elf_image *img, const struct tables *t, const struct known *k,
			const char *prefix, uint64_t start, uint64_t end, struct buf *out)
{
	struct alloc_func func = {.kind = k->kind, .flags = k->flags | (*prefix ? ALLOC_OWN : 0)};
	struct probe_function f = {
		.img = img,
		.fdes = &t->fdes,
		.slots = &t->slots,
		.args = args_of[k->kind],
		.stored = k->kind == ALLOC_STORED,
		.cleared = k->kind == ALLOC_ARRAY,
		.exits = k->kind != ALLOC_FREE,
	};
	int err;

	if (!elf_vaddr_to_offset(img, start, &func.start) || has_function(out, func.start))
		return 0;
	func.end = func.start + (end - start);
	f.start = func.start;
	f.end = func.end;
	snprintf(func.name, sizeof(func.name), "%s%s", prefix, k->name);
	err = probe_sites_find(&f, &func.sites);
	if (err == -ENOMEM)
		return err;
	/* No code that could be followed is no function that could be probed. */
	if (!err)
		buf_append(out, &func, sizeof(func));
	return out->error;
}

static bool is_start(const struct alloc_func *funcs, size_t n, uint64_t offset)
{
	size_t i = 0;

	while (i < n && funcs[i].start != offset)
		i++;
	return i < n;
}

static bool leaves_to(const struct alloc_func *from, const struct alloc_func *funcs, size_t n)
{
	for (uint32_t i = 0; i < from->sites.nleaves; i++)
		for (size_t k = 0; k < n; k++)
			if (&funcs[k] != from && funcs[k].start == from->sites.leaves[i] &&
			    (funcs[k].kind == ALLOC_FREE) == (from->kind == ALLOC_FREE))
				return true;
	return false;
}

/* Where a function goes on in another one is not probed for it. */
static void drop_foreign_exits(struct alloc_func *f, const struct alloc_func *funcs, size_t n)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < f->sites.nexits; i++) {
		size_t k = 0;

		while (k < n && (&funcs[k] == f || f->sites.exits[i].offset < funcs[k].start ||
				 f->sites.exits[i].offset >= funcs[k].end))
			k++;
		if (k == n)
			f->sites.exits[kept++] = f->sites.exits[i];
	}
	f->sites.nexits = kept;
}

/*
 * A function that only jumps to another one, or through a pointer, would be counted twice: what it
 * jumps to has the same arguments and is probed itself. Resizing of an array leaves through a
 * pointer to the plain kind.
 */
static bool is_forwarder(struct alloc_func *f, const struct alloc_func *funcs, size_t n)
{
	if (!f->sites.complete && (!f->sites.nreturns || f->kind == ALLOC_RESIZE_ARRAY))
		return true;
	if (is_start(funcs, n, f->sites.tail))
		return true;
	if (!leaves_to(f, funcs, n))
		return false;
	if (f->kind == ALLOC_FREE)
		return true;
	drop_foreign_exits(f, funcs, n);
	f->flags |= ALLOC_LEAVES;
	return !f->sites.nexits;
}

static void drop_forwarders(struct buf *out)
{
	struct alloc_func *f = (struct alloc_func *)(void *)out->data;
	size_t n = out->len / sizeof(*f), kept = 0;
	bool forwards[ALLOC_FUNCS_MAX];

	for (size_t i = 0; i < n; i++)
		forwards[i] = is_forwarder(&f[i], f, n);
	for (size_t i = 0; i < n; i++)
		if (!forwards[i])
			f[kept++] = f[i];
	out->len = kept * sizeof(*f);
}

static int add_functions(struct elf_image *img, const struct tables *t, const struct definitions *p,
			 const char *prefix, struct buf *out)
{
	int err = 0;

	for (size_t i = 0; i < ARRAY_SIZE(known) && !err; i++)
		if (p->at[i].start)
			err = add_function(img, t, &known[i], prefix, p->at[i].start, p->at[i].end,
					   out);
	return err;
}

static bool allocates(const struct found *f)
{
	return f->plain.at[NAME_MALLOC].start || f->plain.at[NAME_LIBC_MALLOC].start ||
	       f->plain.at[NAME_NEW].start || f->own.at[NAME_MALLOC].start;
}

int alloc_funcs_find(struct elf_image *img, struct buf *out)
{
	struct tables t = {0};
	struct found found = {0};
	int err = find_names(img, &found);

	if (err || !allocates(&found))
		return err;
	err = fdes_read(img, &t.fdes);
	if (!err)
		err = plt_read(img, &t.slots);
	if (!err && found.own.at[NAME_MALLOC].start)
		err = add_functions(img, &t, &found.own, found.prefix, out);
	if (!err)
		err = add_functions(img, &t, &found.plain, "", out);
	if (!err)
		drop_forwarders(out);
	buf_deinit(&t.fdes);
	buf_deinit(&t.slots);
	return err;
}

static bool site_ok(const struct probe_site *s)
{
	return s->reg < REGS_N && s->offset && s->offset < INT64_MAX && s->add > INT32_MIN &&
	       s->add < INT32_MAX && s->depth >= -1 && s->depth <= PROBE_DEPTH_MAX;
}

int alloc_funcs_check(const void *block, size_t size)
{
	size_t n = size / sizeof(struct alloc_func);
	const struct alloc_func *f = block;

	if (size % sizeof(*f) || n > ALLOC_FUNCS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		if (f[i].kind >= ALLOC_KINDS || f[i].sites.nexits > PROBE_EXITS_MAX ||
		    !memchr(f[i].name, 0, sizeof(f[i].name)) || !site_ok(&f[i].sites.entry))
			return -EBADMSG;
		for (uint32_t k = 0; k < f[i].sites.nexits; k++)
			if (!site_ok(&f[i].sites.exits[k]))
				return -EBADMSG;
	}
	return (int)n;
}
