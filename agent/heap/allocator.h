/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which allocator a process uses: the first definition of malloc in the order in which its dynamic
 * linker looks (the program itself, preloads, libraries), with the functions that belong to it. A
 * program's own operator new counts as well, and so does an allocator with names of its own,
 * wherever it is.
 */
#ifndef KPPROF_ALLOCATOR_H
#define KPPROF_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../image/allocfuncs.h"
#include "linkmap.h"

struct allocator_search;
struct engine;
struct image;

enum { ALLOCATOR_PARTS = 3 };

/**
 * struct allocator_part - functions in one image
 * @image: one reference
 * @funcs: @n of them; owned
 */
struct allocator_part {
	struct image *image;
	struct alloc_func *funcs;
	size_t n;
};

/**
 * struct allocator - what a process allocates with
 * @refs: holders
 * @pid: of the process
 * @started: when it started, which tells it from a later one with that pid
 * @program: which program it runs: execve(2) keeps the process and changes that
 * @parts: the image with an allocator's own names first, if there is one, then that with malloc
 * @nparts: how many
 */
struct allocator {
	struct allocator *next;
	unsigned int refs;
	pid_t pid;
	uint64_t started;
	struct linkmap_file program;
	struct allocator_part parts[ALLOCATOR_PARTS];
	size_t nparts;
};

/**
 * typedef allocator_cb - the search is over
 * @ctx: the caller's
 * @a: what was found, one reference is the callee's; NULL for none
 * @err: 0; -ENOENT when there is none; -EAGAIN when there is none yet; -errno
 * @where: for people: where it was looked for
 */
typedef void (*allocator_cb)(void *ctx, struct allocator *a, int err, const char *where);

/**
 * allocator_find() - look for the allocator of a process
 *
 * A process that its dynamic linker still puts together is looked at again until that is done, for
 * two seconds at most.
 *
 * @e: engine; remembers what was found for a while
 * @pid: process
 * @cb: called once, from the loop
 * @ctx: for @cb
 * @out: for allocator_cancel(), valid until @cb
 *
 * Return: 0; -ESRCH when there is no such process; -ENOMEM, -errno.
 */
int allocator_find(struct engine *e, pid_t pid, allocator_cb cb, void *ctx,
		   struct allocator_search **out);

/** allocator_cancel() - @cb is not called; NULL is allowed */
void allocator_cancel(struct allocator_search *s);

/** allocator_known() - what was found for this process lately, with a reference; or NULL */
struct allocator *allocator_known(struct engine *e, pid_t pid);

/** allocator_get() - one more reference; returns @a */
struct allocator *allocator_get(struct allocator *a);

/** allocator_put() - one reference less; NULL is allowed */
void allocator_put(struct allocator *a);

/** allocators_forget() - what was found is not remembered any more */
void allocators_forget(struct engine *e);

/** allocator_has() - whether code of an image belongs to one of the allocator's functions */
bool allocator_has(const struct allocator *a, const struct image *image, uint64_t offset);

/** allocator_describe() - for people: "/usr/lib/libjemalloc.so.2"; valid as long as @a */
const char *allocator_describe(const struct allocator *a);

#endif /* KPPROF_ALLOCATOR_H */
