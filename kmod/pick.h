/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which waits of a thread are told of. Those that are as long as the rate always are; of the
 * shorter ones, laid end to end, those that a point falls into. The points are a rate apart on
 * average, at random: a wait has ns / rate of them, and stands for rate / ns waits for each, so
 * that sums are right on average, and the one that has none costs a subtraction.
 */
#ifndef KPPROF_PICK_H
#define KPPROF_PICK_H

#include <linux/compiler.h>
#include <linux/types.h>

#include "governor.h"

/**
 * struct kpprof_pick - of one thread
 * @rate: nanoseconds
 * @stamps: the same in stamps (stamp.h)
 * @left: stamps until the next point
 */
struct kpprof_pick {
	u64 rate;
	u64 stamps;
	s64 left;
};

/** kpprof_pick_set() - another rate; nothing happens if it is the same. Context: task */
void kpprof_pick_set(struct kpprof_pick *p, u64 rate);

/**
 * kpprof_pick_weight() - what a wait counts, in units of 1 / KPPROF_COUNT_ONE
 * @took: stamps
 *
 * Context: interrupts off, by one CPU at a time. Return: 0 when it is not told of.
 */
u64 kpprof_pick_weight(struct kpprof_pick *p, u64 took);

/** kpprof_pick_passes() - whether a wait is not told of; if not, kpprof_pick_weight() says */
static inline bool kpprof_pick_passes(struct kpprof_pick *p, u64 took)
{
	if (unlikely(READ_ONCE(kpprof_governor_slowed)) || took >= p->stamps ||
	    p->left <= (s64)took)
		return false;
	p->left -= took;
	return true;
}

#endif /* KPPROF_PICK_H */
