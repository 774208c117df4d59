/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many allocations there were while nothing was probed.
 *
 * A busy program gets less done while it is probed, so that what was seen cannot be scaled by time.
 * It can be by CPU time, once that of the probes is taken off. What a probe costs is not asked from
 * a table, nor measured elsewhere, since the trap is most of it, and that has no clock: it follows
 * from the program's own CPU time in three short parts, one after the other. Per call, with
 *
 *	all	allocations and frees probed:	b = work + alloc + r * free	(per allocation)
 *	allocs	allocations alone:		a = work + alloc
 *	frees	frees alone:			c = work / r + free		(per free)
 *
 * where r is the number of frees per allocation, an allocation's probe costs alloc = b - r * c, and
 * the program's work between two allocations is a - alloc.
 */
#ifndef KPPROF_HEAP_PACE_H
#define KPPROF_HEAP_PACE_H

#include <stdint.h>

/** enum heap_part - what is probed; in the order of a round */
enum heap_part {
	HEAP_PART_ALL,
	HEAP_PART_ALLOCS,
	HEAP_PART_FREES,
	HEAP_PART_NONE,
	HEAP_PARTS,
};

/* Rounds whose cost is remembered. */
enum { HEAP_PACE_ROUNDS = 16 };

/**
 * struct heap_seen - what was seen in one part of a round
 * @cpu_ns: CPU time of the program
 * @allocs: calls, as the module counts them
 * @frees: calls
 */
struct heap_seen {
	double cpu_ns;
	double allocs;
	double frees;
};

/**
 * struct heap_pace - of one watch
 * @parts: of the present round, and where one has not come yet, of the last
 * @guess: cost of a probe, before a round has shown it
 * @costs: of an allocation's probe in ns, as rounds showed it
 * @ncosts: rounds so far
 * @expect: allocations that a round sees
 * @owed: allocations that were not seen, and that no sample has stood for yet
 * @scale: what an allocation of the present round stands for
 */
struct heap_pace {
	struct heap_seen parts[HEAP_PARTS];
	double guess;
	double costs[HEAP_PACE_ROUNDS];
	unsigned int ncosts;
	double expect;
	double owed;
	double scale;
};

/**
 * heap_pace_init() - before the first round
 * @hit_ns: what a probe costs elsewhere (heap_hit_ns()): what is taken first
 */
void heap_pace_init(struct heap_pace *p, double hit_ns);

/** heap_pace_begin() - a round begins: choose @scale for it */
void heap_pace_begin(struct heap_pace *p);

/** heap_pace_end() - a part has ended, in which @seen was seen */
void heap_pace_end(struct heap_pace *p, enum heap_part part, const struct heap_seen *seen);

/**
 * heap_pace_between() - between two parts, while probes were put in or taken out
 * @seen: some of it
 */
void heap_pace_between(struct heap_pace *p, const struct heap_seen *seen);

/** heap_pace_probe_ns() - CPU time that an allocation's probe costs */
double heap_pace_probe_ns(const struct heap_pace *p);

/** heap_pace_work_ns() - CPU time of the program's own for each allocation; 0 without any */
double heap_pace_work_ns(const struct heap_pace *p);

/** heap_pace_cost_ns() - CPU time that the probes took in the three parts of the last round */
double heap_pace_cost_ns(const struct heap_pace *p);

#endif /* KPPROF_HEAP_PACE_H */
