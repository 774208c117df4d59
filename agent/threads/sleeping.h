/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The user stack of a thread that sleeps, walked in its memory where it stands. */
#ifndef KPPROF_THREADS_SLEEPING_H
#define KPPROF_THREADS_SLEEPING_H

#include <stdint.h>
#include <sys/types.h>

#include "../../kmod/walk.h"

struct image;
struct image_store;
struct maps;

/**
 * sleeping_walk() - walk a user stack of which ip and sp are known
 * @store: images
 * @tid: thread, whose memory is read
 * @maps: its mappings
 * @ip: user instruction pointer
 * @sp: user stack pointer
 * @pcs: out: frames, leaf first
 * @max: room
 * @walk: out: end and guesses
 * @awaited: out: the image whose rows are needed, when the walk ends with KPPROF_END_PENDING
 *
 * Whether the thread slept all the while is for the caller to find out.
 *
 * Return: number of frames.
 */
unsigned int sleeping_walk(struct image_store *store, pid_t tid, struct maps *maps, uint64_t ip,
			   uint64_t sp, __u64 *pcs, unsigned int max, struct kpprof_walk *walk,
			   struct image **awaited);

#endif /* KPPROF_THREADS_SLEEPING_H */
