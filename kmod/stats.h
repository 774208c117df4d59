/* SPDX-License-Identifier: GPL-2.0-only */
/* What the module counts, per CPU, so that the sampling interrupt shares no cache line. */
#ifndef KPPROF_STATS_H
#define KPPROF_STATS_H

#include <linux/percpu.h>
#include <linux/types.h>

#include "walk.h"

/**
 * struct kpprof_stats - counters of one CPU, since the module was loaded
 * @samples: of armed targets
 * @lost: samples that came while another was being taken on the same CPU
 * @untracked: children that could not be followed for want of memory
 * @busy_ns: time in the sampling interrupt, sched_clock()
 * @sched_events: records of kpprof:kpprof_sched
 * @sched_dropped: what could not be told
 * @sched_busy_ns: time in the scheduler's probes and in walks for them, sched_clock()
 * @sched_told_ns: of that, what is spent on waits that are told: the part that the governor can
 * save
 * @heap_events: records of kpprof:kpprof_heap
 * @heap_busy_ns: time in the probes of allocators, sched_clock()
 * @ends: how walks ended
 */
struct kpprof_stats {
	u64 samples;
	u64 lost;
	u64 untracked;
	u64 busy_ns;
	u64 sched_events;
	u64 sched_dropped;
	u64 sched_busy_ns;
	u64 sched_told_ns;
	u64 heap_events;
	u64 heap_busy_ns;
	u64 ends[KPPROF_ENDS_N];
};

DECLARE_PER_CPU(struct kpprof_stats, kpprof_stats);

/* kpprof_count() - add one on this CPU; any context */
#define kpprof_count(field) this_cpu_inc(kpprof_stats.field)

/* kpprof_count_add() - add on this CPU; any context */
#define kpprof_count_add(field, n) this_cpu_add(kpprof_stats.field, n)

/**
 * kpprof_stats_sum() - add up all CPUs
 * @sum: out; the CPUs go on counting meanwhile
 *
 * Context: any.
 */
void kpprof_stats_sum(struct kpprof_stats *sum);

#endif /* KPPROF_STATS_H */
