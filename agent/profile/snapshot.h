/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a profile that grows on had counted at one moment, and the difference of two such moments.
 * Only values are kept: the numbers of samples do not change.
 */
#ifndef KPPROF_SNAPSHOT_H
#define KPPROF_SNAPSHOT_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "model.h"

/**
 * struct snapshot_open - something that was going on: it counts now, and will come whole once it is
 * over
 * @sample: where it counts now
 * @over: where it will come
 * @values: what it counts now
 * @carried: what of this is to be taken off what is counted later, in a difference that begins here
 */
struct snapshot_open {
	uint32_t sample;
	uint32_t over;
	int64_t values[PROFILE_VALUES_MAX];
	int64_t carried[PROFILE_VALUES_MAX];
};

/**
 * struct snapshot - one moment; all zero is one at which nothing had been counted
 * @at: CLOCK_MONOTONIC ns
 * @values: int64_t, @nvalues for each sample that existed
 * @open: struct snapshot_open
 * @nvalues: values of a sample
 */
struct snapshot {
	uint64_t at;
	struct buf values;
	struct buf open;
	unsigned int nvalues;
};

/** snapshot_take() - copy what is counted now; @open: struct snapshot_open; 0 or -ENOMEM */
int snapshot_take(struct snapshot *s, const struct profile *p, const struct buf *open, uint64_t at);

/** snapshot_deinit() - free what it holds */
void snapshot_deinit(struct snapshot *s);

/**
 * snapshot_move() - what was counted under one sample at that moment belongs to another one now
 *
 * A thread that existed and has exited since is under "exited" on both sides of a difference, and
 * so in none.
 */
void snapshot_move(struct snapshot *s, uint32_t from, uint32_t to, const int64_t *values);

/**
 * snapshot_total() - everything up to that moment, what was going on included
 * @out: appended: int64_t, as many as profile_values() of all samples
 *
 * Return: 0 or -ENOMEM.
 */
int snapshot_total(const struct snapshot *s, struct buf *out);

/**
 * snapshot_difference() - what came between two moments
 * @before: the earlier one
 * @after: the later one, of the same profile
 * @gauges: bit i: value i may go down, and its difference be negative; the others are cut at 0
 * @out: as with snapshot_total()
 *
 * Return: 0 or -ENOMEM.
 */
int snapshot_difference(const struct snapshot *before, const struct snapshot *after,
			unsigned int gauges, struct buf *out);

#endif /* KPPROF_SNAPSHOT_H */
