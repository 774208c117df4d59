/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Walking the copy of a user stack that came with a sample. */
#ifndef KPPROF_USER_STACK_H
#define KPPROF_USER_STACK_H

#include <stdint.h>
#include <sys/types.h>

#include "../../kmod/walk.h"

struct image;
struct image_store;
struct maps;
struct record_sample;

/**
 * user_stack_walk() - the frames of a sample's user stack
 * @store: images
 * @pid: the process, whose memory is read when there is code in it to be looked at, and behind a
 *	gap in the copy
 * @maps: its mappings, NULL when they are not known
 * @s: the sample
 * @pcs: out: frames, leaf first
 * @max: room
 * @walk: out: end and guesses; that part of the stack was not in the copy, and was read from the
 *	process as it is now, is one of them
 * @awaited: out: the image whose rows are needed, when the walk ends with KPPROF_END_PENDING
 *
 * Return: number of frames; 0 when the sample has no user registers.
 */
unsigned int user_stack_walk(struct image_store *store, pid_t pid, struct maps *maps,
			     const struct record_sample *s, __u64 *pcs, unsigned int max,
			     struct kpprof_walk *walk, struct image **awaited);

/**
 * user_code_read() - 8 bytes of a process's code, for the walker
 *
 * They come from the file where there is one, else from memory.
 *
 * Return: 0; -ENOENT when there is no executable mapping; -EFAULT.
 */
int user_code_read(pid_t pid, const struct maps *maps, uint64_t addr, uint64_t *val);

#endif /* KPPROF_USER_STACK_H */
