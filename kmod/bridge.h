/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Bridging: where nothing says where a caller's frame is, the stack is searched for a word that is
 * the return address of a call. For the files of the walker alone; the context is the walk's.
 */
#ifndef KPPROF_BRIDGE_H
#define KPPROF_BRIDGE_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

struct kpprof_frame;
struct kpprof_walk;

enum kpprof_call { KPPROF_CALL_NONE, KPPROF_CALL_DIRECT, KPPROF_CALL_INDIRECT };

/** kpprof_call_before() - whether a call instruction ends at @ra; @to: out: where to, for a direct
 * one */
enum kpprof_call kpprof_call_before(struct kpprof_walk *w, __u64 ra, __u64 *to);

enum kpprof_evidence { KPPROF_EVIDENCE_NONE, KPPROF_EVIDENCE_WEAK, KPPROF_EVIDENCE_STRONG };

/**
 * kpprof_weigh() - how likely @val is the return address of the call that led into @function
 *
 * A direct call of the function, or of one that jumps on to it, is certain enough; an indirect
 * call, or a call of something that jumps on through a pointer, is possible. A direct call of
 * another function is left over from earlier.
 */
enum kpprof_evidence kpprof_weigh(struct kpprof_walk *w, __u64 val, __u64 function);

/**
 * kpprof_guess() - look up the stack for a return address
 * @w: the walk; a guess is counted
 * @f: becomes the caller's frame
 * @function: that runs in @f; 0 for unknown
 *
 * The nearest word with strong evidence is taken, else the nearest with weak.
 *
 * Return: whether there is one.
 */
bool kpprof_guess(struct kpprof_walk *w, struct kpprof_frame *f, __u64 function);

#endif /* KPPROF_BRIDGE_H */
