/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The executable mappings of an address space, in a form that the walker reads directly. A list may
 * be shared by several holders (a process, its forked child, samples that wait for unwind rows);
 * whoever changes it takes a copy first, so that what others hold stays as it was.
 */
#ifndef KPPROF_MAPS_H
#define KPPROF_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "../../kmod/walk.h"

struct image;
struct image_store;

/* More executable mappings than this in one process are not followed. */
enum { MAPS_MAX = 1 << 16 };

/**
 * struct map_entry - one mapping, as /proc/PID/maps and PERF_RECORD_MMAP2 describe it
 * @start: first address
 * @end: first address after it
 * @offset: file offset of @start
 * @dev: device as makedev() has it
 * @ino: inode, 0 for anonymous memory
 * @path: "" for anonymous memory; brackets for the kernel's own; may end in " (deleted)"
 */
struct map_entry {
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	dev_t dev;
	ino_t ino;
	const char *path;
};

/**
 * struct maps - a list of mappings
 * @refs: holders
 * @n: mappings
 * @walk: sorted, for kpprof_walk()
 * @images: image of each mapping, NULL for anonymous memory; one reference each
 * @epoch: image_store_epoch() when @walk was last brought up to date
 * @dropped: mappings over MAPS_MAX
 * @memo: see maps_memo()
 */
struct maps {
	unsigned int refs;
	uint32_t n;
	uint32_t cap;
	struct kpprof_map *walk;
	struct image **images;
	uint64_t epoch;
	uint32_t dropped;
	__u64 *memo;
};

/**
 * maps_line_parse() - one line of /proc/PID/maps
 * @line: the line without its newline; changed: the path is terminated
 * @out: the mapping; its path points into @line
 *
 * Return: 1 for an executable mapping, 0 for another one, -EINVAL when the line makes no sense.
 */
int maps_line_parse(char *line, struct map_entry *out);

/** maps_create() - an empty list with one reference, or NULL without memory */
struct maps *maps_create(void);

/** maps_get() - one more reference; returns @m */
struct maps *maps_get(struct maps *m);

/** maps_put() - one reference less; NULL is allowed */
void maps_put(struct maps *m);

/**
 * maps_insert() - add a mapping; what it covers of others is cut off
 * @m: in and out: the list, replaced by a copy when others hold it too
 * @e: the mapping
 * @image: its image or NULL; a reference is taken
 *
 * Neighbours that continue each other in the same file become one.
 *
 * Return: 0, -EINVAL for an empty range, -ENOSPC over MAPS_MAX, -ENOMEM.
 */
int maps_insert(struct maps **m, const struct map_entry *e, struct image *image);

/** maps_find() - index of the mapping that holds @addr, or -ENOENT */
int64_t maps_find(const struct maps *m, uint64_t addr);

/**
 * maps_read() - read /proc/PID/maps
 * @store: where images come from
 * @pid: process
 * @out: new list
 *
 * Return: 0; -ESRCH when the process is gone; -errno.
 */
int maps_read(struct image_store *store, pid_t pid, struct maps **out);

/**
 * maps_memo() - the memo for walks with @m, as struct kpprof_walk has it
 *
 * For a list that maps_refresh() has brought up to date.
 *
 * Return: it belongs to @m; NULL without memory.
 */
__u64 *maps_memo(struct maps *m);

/** maps_refresh() - bring rows and flags in @m->walk up to the state of the images */
void maps_refresh(struct image_store *store, struct maps *m);

#endif /* KPPROF_MAPS_H */
