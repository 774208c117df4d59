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

/* A process that is not complete yet is looked at so often, for so long. */
#define AGAIN_NS (20 * NSEC_PER_MSEC)
#define START_NS (2 * NSEC_PER_SEC)

/**
 * struct allocator_search - a search under way
 * @cb: NULL when cancelled: the open question is waited for, and that is all
 * @images: in the order of the search, one reference each
 * @at: which one is asked
 * @loading: the process was not complete when its images were listed
 * @timer: set while the process is left to go on, which is @waiting; @until then at the latest
 */
struct allocator_search {
	struct engine *engine;
	pid_t pid;
	allocator_cb cb;
	void *ctx;
	struct allocator *found;
	struct image **images;
	size_t n;
	size_t at;
	struct loop_timer timer;
	bool loading;
	bool waiting;
	uint64_t until;
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

static bool same_file(const struct linkmap_file *a, const struct linkmap_file *b)
{
	return a->dev == b->dev && a->ino == b->ino;
}

struct allocator *allocator_known(struct engine *e, pid_t pid)
{
	uint64_t started = process_started(pid);
	struct linkmap_file program;

	linkmap_program(pid, &program);
	for (struct allocator *a = e->allocators; a; a = a->next)
		if (a->pid == pid && a->started == started && same_file(&a->program, &program))
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

static void search_clear(struct allocator_search *s)
{
	for (size_t i = 0; i < s->n; i++)
		image_put(s->images[i]);
	free(s->images);
	s->images = NULL;
	s->n = s->at = 0;
	allocator_put(s->found);
	s->found = NULL;
}

static void search_free(struct allocator_search *s)
{
	search_clear(s);
	loop_timer_clear(s->engine->loop, &s->timer);
	engine_unuse(s->engine);
	free(s);
}

/* "none of the 7 images of pid 12 defines malloc and free: /usr/bin/x, ..." */
static void describe_failure(const struct allocator_search *s, struct buf *out)
{
	buf_printf(out,
		   "none of the %zu images of pid %d defines malloc and free (in .dynsym, .symtab "
		   "or by DT_SYMTAB)",
		   s->n, (int)s->pid);
	for (size_t i = 0; i < s->n && i < NAMES_SHOWN; i++)
		buf_printf(out, "%s%s", i ? ", " : ": ", s->images[i]->path);
	if (s->n > NAMES_SHOWN)
		buf_printf(out, " and %zu more", s->n - NAMES_SHOWN);
	buf_append(out, "", 1);
}

/*
 * Whether the answer would be about a process that is not what it is going to be: not all is mapped
 * yet, or execve(2) came in between. Then the search begins again, a little later.
 */
static bool wait_for_program(struct allocator_search *s, int err)
{
	struct linkmap_file program;

	if ((err && err != -ENOENT) || loop_now() >= s->until)
		return false;
	linkmap_program(s->pid, &program);
	if (same_file(&s->found->program, &program) && !s->loading)
		return false;
	s->waiting = true;
	loop_timer_set(s->engine->loop, &s->timer, AGAIN_NS);
	return true;
}

static void finish(struct allocator_search *s, int err)
{
	_cleanup_buf_ struct buf where = {0};
	struct allocator *a = NULL;

	if (wait_for_program(s, err))
		return;
	if (err == -ENOENT)
		describe_failure(s, &where);
	if (err == -ENOENT && s->loading)
		err = -EAGAIN;
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

/* @family: 0, ALLOC_CXX or ALLOC_OWN */
static bool defines(const struct alloc_func *funcs, size_t n, enum alloc_kind kind, uint32_t family)
{
	for (size_t i = 0; i < n; i++)
		if (funcs[i].kind == kind && (funcs[i].flags & (ALLOC_CXX | ALLOC_OWN)) == family)
			return true;
	return false;
}

static bool has_own(const struct alloc_func *funcs, size_t n)
{
	return defines(funcs, n, ALLOC_SIZE, ALLOC_OWN) && defines(funcs, n, ALLOC_FREE, ALLOC_OWN);
}

static int add_part(struct allocator *a, struct image *image, const struct alloc_func *funcs,
		    size_t n)
{
	struct allocator_part *p = a->parts;

	if (a->nparts == ALLOCATOR_PARTS)
		return -E2BIG;
	/* The image with malloc comes last in the search. */
	if (a->nparts && has_own(p->funcs, p->n))
		p++;
	memmove(p + 1, p, (size_t)(a->parts + a->nparts - p) * sizeof(*p));
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
	bool whole = defines(funcs, n, ALLOC_SIZE, 0) && defines(funcs, n, ALLOC_FREE, 0);
	bool last = s->found && s->found->nparts == ALLOCATOR_PARTS - 1;
	int err = 0;

	(void)status; /* an image that cannot be read defines nothing */
	if (!s->cb) {
		search_free(s);
		return;
	}
	/* Only a program's own operator new is known not to go through malloc, or counts for what
	 * it gets from there. */
	if (whole || (!s->at && defines(funcs, n, ALLOC_SIZE, ALLOC_CXX)) ||
	    (!last && has_own(funcs, n)))
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

static int search_prepare(struct allocator_search *s)
{
	struct maps *maps;
	int err;

	s->found = calloc(1, sizeof(*s->found));
	if (!s->found)
		return -ENOMEM;
	s->found->refs = 1;
	s->found->pid = s->pid;
	s->found->started = process_started(s->pid);
	linkmap_program(s->pid, &s->found->program);
	s->loading = linkmap_is_loading(s->pid);
	err = maps_read(s->engine->store, s->pid, &maps);
	if (err)
		return err;
	err = order_images(s, maps);
	maps_put(maps);
	return err;
}

static void search_again(struct loop_timer *t)
{
	struct allocator_search *s =
		(struct allocator_search *)((char *)t - offsetof(struct allocator_search, timer));
	int err;

	s->waiting = false;
	search_clear(s);
	err = search_prepare(s);
	if (err)
		finish(s, err);
	else
		ask_next(s);
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
	s->pid = pid;
	s->timer.cb = search_again;
	s->until = loop_now() + START_NS;
	engine_use(e);
	err = search_prepare(s);
	/* With nothing to ask there is nothing that could answer from the loop. */
	while (!err && s->at < s->n && image_alloc(s->images[s->at], answered, s))
		s->at++;
	if (!err && s->at == s->n)
		err = -ENOENT;
	if (err && !wait_for_program(s, err)) {
		search_free(s);
		return err;
	}
	*out = s;
	return 0;
}

void allocator_cancel(struct allocator_search *s)
{
	if (!s)
		return;
	s->cb = NULL;
	if (s->waiting)
		search_free(s);
}
