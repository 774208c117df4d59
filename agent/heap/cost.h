/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What probing an allocator costs the program. */
#ifndef KPPROF_HEAP_COST_H
#define KPPROF_HEAP_COST_H

#include <stdint.h>

struct heap_counts;

/* Shares of one CPU: more than the first is refused before it begins, unless it is asked for with
 * force=1; and a program that grows to the second while it is watched gets rid of its probes. */
#define HEAP_COST_REFUSE 0.2
#define HEAP_COST_LIFT	 0.4

/* What the module's probes cost in the mean where they are there part of the time, which is where
 * they would be refused otherwise. */
#define HEAP_COST_DUTY 0.05

/**
 * heap_hit_ns() - what one hit of a probe costs here, in nanoseconds
 *
 * Measured once, with a probe on an instruction of the agent itself that the kernel emulates; 1000
 * where that cannot be done.
 */
double heap_hit_ns(void);

/**
 * heap_cost() - the share of one CPU that perf's probes took: an allocation hits two, a free one
 * @from: counted at the beginning
 * @to: and at the end
 * @ns: between them
 */
double heap_cost(const struct heap_counts *from, const struct heap_counts *to, uint64_t ns);

#endif /* KPPROF_HEAP_COST_H */
