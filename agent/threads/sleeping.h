/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user stack of a thread that sleeps, walked in its memory where it stands. */
#ifndef KPPROF_THREADS_SLEEPING_H
#define KPPROF_THREADS_SLEEPING_H

#include "../../kmod/walk.h"

struct dump_thread;
struct image;
struct image_store;
struct maps;

/**
 * sleeping_walk() - walk a user stack of which ip and sp are known
 * @store: images
 * @t: thread, whose memory is read: tid, ip, sp, and regs if it has them
 * @maps: its mappings
 * @pcs: out: frames, leaf first
 * @max: room
 * @walk: out: end and guesses
 * @awaited: out: the image whose rows are needed, when the walk ends with KPPROF_END_PENDING
 *
 * Whether the thread slept all the while is for the caller to find out.
 *
 * Return: number of frames.
 */
unsigned int sleeping_walk(struct image_store *store, const struct dump_thread *t,
			   struct maps *maps, __u64 *pcs, unsigned int max,
			   struct kpprof_walk *walk, struct image **awaited);

#endif /* KPPROF_THREADS_SLEEPING_H */
