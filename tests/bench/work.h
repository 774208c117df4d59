/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the programs to be measured work at: rounds of a loop, of eleven instructions each. */
#ifndef KPPROF_BENCH_WORK_H
#define KPPROF_BENCH_WORK_H

#include <time.h>

/* What a machine does in a millisecond, roughly: the unit that programs are told. */
enum { WORK_ROUNDS_PER_MS = 91000 };

/* Part of its caller, which is the leaf of a stack. */
static inline __attribute__((always_inline)) unsigned long work(unsigned long rounds)
{
	unsigned long x = rounds;

	while (rounds--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	return x;
}

/* CPU time of this process, in nanoseconds. */
static inline long work_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif /* KPPROF_BENCH_WORK_H */
