/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which waits are kept at a rate, with the meaning that Go gives it (runtime.SetBlockProfileRate):
 * a wait of at least the rate always, a shorter one with probability duration/rate. A short one
 * that is kept stands for as many as make its time the rate, so that sums of times and of counts
 * are right on average.
 */
#ifndef KPPROF_WAIT_RATE_H
#define KPPROF_WAIT_RATE_H

#include <stdbool.h>
#include <stdint.h>

/**
 * wait_is_kept() - throw the dice
 * @rng: state of the dice, anything but 0
 * @ns: duration
 * @rate: 0 and 1 keep all
 */
static inline bool wait_is_kept(uint64_t *rng, uint64_t ns, uint64_t rate)
{
	if (rate <= 1 || ns >= rate)
		return true;
	/* xorshift64*, Vigna 2016; the upper half of the product is the good one. */
	*rng ^= *rng >> 12;
	*rng ^= *rng << 25;
	*rng ^= *rng >> 27;
	return (double)((*rng * 0x2545f4914f6cdd1dull) >> 11) < (double)ns / (double)rate * 0x1p53;
}

/** wait_scale() - how many waits of this duration one that was kept stands for */
static inline double wait_scale(uint64_t ns, uint64_t rate)
{
	return rate > 1 && ns && ns < rate ? (double)rate / (double)ns : 1;
}

#endif /* KPPROF_WAIT_RATE_H */
