/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The executable mappings of a process, as the client sent them: a list that never changes, shared
 * by a process and its forked children. A new list replaces it.
 */
#ifndef KPPROF_MAPS_H
#define KPPROF_MAPS_H

#include <linux/refcount.h>
#include <linux/types.h>

#include "walk.h"

struct mm_struct;
struct netlink_ext_ack;

/**
 * struct kpprof_maps - a list of mappings
 * @refs: address spaces that use it; one that is being built has one
 * @cookie: the client's number
 * @n: mappings
 * @cap: room
 * @map: sorted; one reference to the image behind each @map[i].rows
 * @memo: for walks, NULL when there was no memory for it; see struct kpprof_walk
 */
struct kpprof_maps {
	refcount_t refs;
	u32 cookie;
	u32 n;
	u32 cap;
	struct kpprof_map *map;
	u64 *memo;
};

/** kpprof_maps_create() - an empty list, or NULL. Context: task */
struct kpprof_maps *kpprof_maps_create(u32 cookie);

/**
 * kpprof_maps_add() - append a mapping
 * @image: number of its image, 0 for none
 * @pending: its rows are on their way
 *
 * Context: task, kpprof_lock held.
 * Return: 0, -EINVAL when it is out of order, -ENOENT for an image that is not whole, -E2BIG,
 * -ENOSPC, -ENOMEM; with a text.
 */
int kpprof_maps_add(struct kpprof_maps *maps, u64 start, u64 end, u64 offset, u32 image,
		    bool pending, struct netlink_ext_ack *extack);

/**
 * kpprof_maps_compare() - whether all of it is mapped so
 * @mm: address space, with a reference
 *
 * Context: task; takes the mmap lock.
 * Return: 0, -ESTALE, -EINTR.
 */
int kpprof_maps_compare(const struct kpprof_maps *maps, struct mm_struct *mm,
			struct netlink_ext_ack *extack);

/** kpprof_maps_get() - one more reference; returns @maps. Context: any */
struct kpprof_maps *kpprof_maps_get(struct kpprof_maps *maps);

/**
 * kpprof_maps_put() - one reference less; frees. NULL is allowed. Context: task
 *
 * Whoever could walk with it must be done: see struct kpprof_space.
 */
void kpprof_maps_put(struct kpprof_maps *maps);

#endif /* KPPROF_MAPS_H */
