// SPDX-License-Identifier: GPL-2.0-or-later
#include "pace.h"

#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* However little of its time a program was seen to have for itself, it had this much of it. */
#define WORK_MIN 0.02

void heap_pace_init(struct heap_pace *p, double hit_ns)
{
	*p = (struct heap_pace){.guess = hit_ns, .scale = 1};
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/*
 * A program does not do the same in all parts of each round, so that single ones can be far off,
 * and the middle one can be, too: the mean of the middle half.
 */
double heap_pace_probe_ns(const struct heap_pace *p)
{
	double sorted[HEAP_PACE_ROUNDS], sum = 0;
	size_t n = p->ncosts < HEAP_PACE_ROUNDS ? p->ncosts : HEAP_PACE_ROUNDS;
	size_t from = n / 4, to = n - n / 4;

	if (!n)
		return p->guess;
	memcpy(sorted, p->costs, sizeof(sorted));
	qsort(sorted, n, sizeof(*sorted), compare);
	for (size_t i = from; i < to; i++)
		sum += sorted[i];
	return sum / (double)(to - from);
}

static double allocs_of(const struct heap_pace *p)
{
	return p->parts[HEAP_PART_ALL].allocs + p->parts[HEAP_PART_ALLOCS].allocs;
}

/* Frees per allocation; those of a program that frees what others allocated may be more than one.
 */
static double frees_per_alloc(const struct heap_pace *p)
{
	const struct heap_seen *all = &p->parts[HEAP_PART_ALL];

	return all->allocs > 0 ? all->frees / all->allocs : 0;
}

double heap_pace_work_ns(const struct heap_pace *p)
{
	const struct heap_seen *s = &p->parts[HEAP_PART_ALLOCS];
	double each, work;

	if (s->allocs <= 0)
		s = &p->parts[HEAP_PART_ALL];
	if (s->allocs <= 0)
		return 0;
	each = s->cpu_ns / s->allocs;
	work = each - heap_pace_probe_ns(p);
	return work > WORK_MIN * each ? work : WORK_MIN * each;
}

double heap_pace_cost_ns(const struct heap_pace *p)
{
	const struct heap_seen *frees = &p->parts[HEAP_PART_FREES];
	double cpu_ns = 0, r = frees_per_alloc(p), work;

	for (enum heap_part i = HEAP_PART_ALL; i < HEAP_PART_NONE; i++)
		cpu_ns += p->parts[i].cpu_ns;
	work = heap_pace_work_ns(p) * (allocs_of(p) + (r > 0 ? frees->frees / r : 0));
	/* Without frees nothing was probed in that part. */
	if (r <= 0)
		work += frees->cpu_ns;
	return cpu_ns > work ? cpu_ns - work : 0;
}

/* What this round says of the cost of an allocation's probe. */
static void learn(struct heap_pace *p)
{
	const struct heap_seen *all = &p->parts[HEAP_PART_ALL];
	const struct heap_seen *frees = &p->parts[HEAP_PART_FREES];
	double cost;

	if (all->allocs <= 0 || frees->frees <= 0)
		return;
	cost = all->cpu_ns / all->allocs - frees_per_alloc(p) * frees->cpu_ns / frees->frees;
	p->costs[p->ncosts++ % HEAP_PACE_ROUNDS] = cost;
}

/* Allocations of a part in which they were not probed. */
static void owe(struct heap_pace *p, const struct heap_seen *seen)
{
	double r = frees_per_alloc(p), work = heap_pace_work_ns(p);

	if (seen->frees > 0 && r > 0)
		p->owed += seen->frees / r;
	else if (work > 0)
		p->owed += seen->cpu_ns / work;
}

void heap_pace_end(struct heap_pace *p, enum heap_part part, const struct heap_seen *seen)
{
	p->parts[part] = *seen;
	switch (part) {
	case HEAP_PART_ALL:
	case HEAP_PART_ALLOCS:
		p->owed -= (p->scale - 1) * seen->allocs;
		break;
	case HEAP_PART_FREES:
		learn(p);
		p->expect = p->expect > 0 ? (p->expect + allocs_of(p)) / 2 : allocs_of(p);
		owe(p, seen);
		break;
	default:
		owe(p, seen);
	}
}

void heap_pace_between(struct heap_pace *p, const struct heap_seen *seen)
{
	double work = heap_pace_work_ns(p), probe = heap_pace_probe_ns(p);
	/* What was seen took this much, probes included; the rest is like a part without any. */
	double took = seen->allocs * (work + probe) + seen->frees * probe;

	p->owed -= (p->scale - 1) * seen->allocs;
	if (work > 0 && seen->cpu_ns > took)
		p->owed += (seen->cpu_ns - took) / work;
}

void heap_pace_begin(struct heap_pace *p)
{
	p->scale = p->owed > 0 && p->expect > 0 ? 1 + p->owed / p->expect : 1;
}
