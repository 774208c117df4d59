/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A frame pointer that was not handed down, found again by the prologue of the function that keeps
 * it. For the files of the walker alone; the context is the walk's.
 */
#ifndef KPPROF_FRAME_POINTER_H
#define KPPROF_FRAME_POINTER_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

struct kpprof_frame;
struct kpprof_map;
struct kpprof_rule;
struct kpprof_walk;

/**
 * kpprof_recover_fp() - the frame pointer of a frame that needs it
 * @w: the walk; a guess is counted
 * @f: the frame; its fp is set
 * @map: where it executes
 * @addr: at this address
 * @rule: by which the frame pointer is needed
 *
 * The prologue says how far below it the stack pointer is, unless that moves later (alloca,
 * arguments on the stack): then the call that led into the function is looked for, which is a
 * guess.
 *
 * Return: whether it was found.
 */
bool kpprof_recover_fp(struct kpprof_walk *w, struct kpprof_frame *f, const struct kpprof_map *map,
		       __u64 addr, const struct kpprof_rule *rule);

#endif /* KPPROF_FRAME_POINTER_H */
