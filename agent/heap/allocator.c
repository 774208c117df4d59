// SPDX-License-Identifier: GPL-2.0-or-later
#include "allocator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "../image/maps.h"
#include "../image/store.h"
#include "linkmap.h"

/* Images that are named when nothing was found. */
enum { NAMES_SHOWN = 6 };

/**
 * struct allocator_search - a search under way
 * @cb: NULL when cancelled: the open question is waited for, and that is all
 * @images: in the order of the search, one reference each
 * @main: the first one: the program
 * @at: which one is asked
 */
struct allocator_search {
	struct engine *engine;
	allocator_cb cb;
	void *ctx;
	struct allocator *found;
	struct image **images;
	size_t n;
	size_t at;
};

static void ask_next(struct allocator_search *s);

struct allocator *allocator_get(struct allocator *a)
{
	a->refs++;
	return a;
}

void allocator_put(struct allocator *a)
{
	if (!a || --a->refs)
		return;
	for (size_t i = 0; i < a->nparts; i++) {
		image_put(a->parts[i].image);
		free(a->parts[i].funcs);
	}
	free(a);
}

void allocators_forget(struct engine *e)
{
	while (e->allocators) {
		struct allocator *a = e->allocators;

		e->allocators = a->next;
		allocator_put(a);
	}
}

struct allocator *allocator_known(struct engine *e, pid_t pid)
{
	uint64_t started = process_started(pid);

	for (struct allocator *a = e->allocators; a; a = a->next)
		if (a->pid == pid && a->started == started)
			return allocator_get(a);
	return NULL;
}

bool allocator_has(const struct allocator *a, const struct image *image, uint64_t offset)
{
	for (size_t p = 0; p < a->nparts; p++)
		for (size_t i = 0; i < a->parts[p].n && a->parts[p].image == image; i++)
			if (offset >= a->parts[p].funcs[i].start &&
			    offset < a->parts[p].funcs[i].end)
				return true;
	return false;
}

const char *allocator_describe(const struct allocator *a)
{
	return a->nparts ? a->parts[0].image->path : "";
}

static void search_free(struct allocator_search *s)
{
	for (size_t i = 0; i < s->n; i++)
		image_put(s->images[i]);
	free(s->images);
	allocator_put(s->found);
	engine_unuse(s->engine);
	free(s);
}

/* "none of the 7 images of pid 12 defines malloc and free: /usr/bin/x, ..." */
static void describe_failure(const struct allocator_search *s, struct buf *out)
{
	buf_printf(out,
		   "none of the %zu images of pid %d defines malloc and free (in .dynsym, .symtab "
		   "or by DT_SYMTAB)",
		   s->n, (int)s->found->pid);
	for (size_t i = 0; i < s->n && i < NAMES_SHOWN; i++)
		buf_printf(out, "%s%s", i ? ", " : ": ", s->images[i]->path);
	if (s->n > NAMES_SHOWN)
		buf_printf(out, " and %zu more", s->n - NAMES_SHOWN);
	buf_append(out, "", 1);
}

static void finish(struct allocator_search *s, int err)
{
	_cleanup_buf_ struct buf where = {0};
	struct allocator *a = NULL;

	if (err == -ENOENT)
		describe_failure(s, &where);
	if (!err) {
		a = take_ptr(s->found);
		a->next = s->engine->allocators;
		s->engine->allocators = allocator_get(a);
	}
	if (s->cb)
		s->cb(s->ctx, a, err, where.data && !where.error ? where.data : "");
	else
		allocator_put(a);
	search_free(s);
}

static bool defines(const struct alloc_func *funcs, size_t n, enum alloc_kind kind, bool cxx)
{
	for (size_t i = 0; i < n; i++)
		if (funcs[i].kind == kind && !(funcs[i].flags & ALLOC_CXX) == !cxx)
			return true;
	return false;
}

static int add_part(struct allocator *a, struct image *image, const struct alloc_func *funcs,
		    size_t n)
{
	struct allocator_part *p;

	if (a->nparts == ALLOCATOR_PARTS)
		return -E2BIG;
	/* The image with malloc comes last in the search, and first in the list. */
	memmove(a->parts + 1, a->parts, a->nparts * sizeof(*p));
	p = a->parts;
	*p = (struct allocator_part){.funcs = malloc(n * sizeof(*funcs)), .n = n};
	a->nparts++;
	p->image = image_ref(image);
	if (!p->funcs)
		return -ENOMEM;
	memcpy(p->funcs, funcs, n * sizeof(*funcs));
	return 0;
}

static void answered(void *ctx, const struct alloc_func *funcs, size_t n, int status)
{
	struct allocator_search *s = ctx;
	struct image *image = s->images[s->at];
	bool whole = defines(funcs, n, ALLOC_SIZE, false) && defines(funcs, n, ALLOC_FREE, false);
	int err = 0;

	(void)status; /* an image that cannot be read defines nothing */
	if (!s->cb) {
		search_free(s);
		return;
	}
	/* Only a program's own operator new is known not to go through malloc, or counts for what
	 * it gets from there. */
	if (whole || (!s->at && defines(funcs, n, ALLOC_SIZE, true)))
		err = add_part(s->found, image, funcs, n);
	if (whole || err) {
		finish(s, err);
		return;
	}
	s->at++;
	ask_next(s);
}

static void ask_next(struct allocator_search *s)
{
	for (; s->at < s->n; s->at++)
		if (!image_alloc(s->images[s->at], answered, s))
			return;
	finish(s, -ENOENT);
}

static void add_image(struct allocator_search *s, struct image *image)
{
	size_t i = 0;

	while (i < s->n && s->images[i] != image)
		i++;
	if (i == s->n && image->path[0] == '/')
		s->images[s->n++] = image_ref(image);
}

/* Those that the dynamic linker knows, in its order; then what else is mapped. */
static int order_images(struct allocator_search *s, const struct maps *maps)
{
	_cleanup_buf_ struct buf files = {0};
	const struct linkmap_file *f;
	int err = linkmap_read(s->found->pid, &files);

	if (err == -ENOMEM)
		return err;
	s->images = calloc(maps->n ? maps->n : 1, sizeof(struct image *));
	if (!s->images)
		return -ENOMEM;
	f = (const struct linkmap_file *)(const void *)files.data;
	for (size_t i = 0; i < files.len / sizeof(*f); i++)
		for (uint32_t k = 0; k < maps->n; k++)
			if (maps->images[k] && maps->images[k]->dev == f[i].dev &&
			    maps->images[k]->ino == f[i].ino)
				add_image(s, maps->images[k]);
	for (uint32_t k = 0; k < maps->n; k++)
		if (maps->images[k])
			add_image(s, maps->images[k]);
	return 0;
}

static int search_prepare(struct allocator_search *s, pid_t pid)
{
	struct maps *maps;
	int err;

	s->found = calloc(1, sizeof(*s->found));
	if (!s->found)
		return -ENOMEM;
	s->found->refs = 1;
	s->found->pid = pid;
	s->found->started = process_started(pid);
	err = maps_read(s->engine->store, pid, &maps);
	if (err)
		return err;
	err = order_images(s, maps);
	maps_put(maps);
	return err;
}

int allocator_find(struct engine *e, pid_t pid, allocator_cb cb, void *ctx,
		   struct allocator_search **out)
{
	struct allocator_search *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->engine = e;
	s->cb = cb;
	s->ctx = ctx;
	engine_use(e);
	err = search_prepare(s, pid);
	/* With nothing to ask there is nothing that could answer from the loop. */
	while (!err && s->at < s->n && image_alloc(s->images[s->at], answered, s))
		s->at++;
	if (!err && s->at == s->n)
		err = -ENOENT;
	if (err) {
		search_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void allocator_cancel(struct allocator_search *s)
{
	if (s)
		s->cb = NULL;
}
