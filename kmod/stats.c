// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpumask.h>
#include <linux/string.h>

#include "stats.h"

DEFINE_PER_CPU(struct kpprof_stats, kpprof_stats);

void kpprof_stats_sum(struct kpprof_stats *sum)
{
	int cpu, i;

	memset(sum, 0, sizeof(*sum));
	for_each_possible_cpu(cpu) {
		const struct kpprof_stats *s = per_cpu_ptr(&kpprof_stats, cpu);

		sum->samples += READ_ONCE(s->samples);
		sum->lost += READ_ONCE(s->lost);
		sum->untracked += READ_ONCE(s->untracked);
		sum->busy_ns += READ_ONCE(s->busy_ns);
		sum->sched_events += READ_ONCE(s->sched_events);
		sum->sched_dropped += READ_ONCE(s->sched_dropped);
		sum->sched_busy_ns += READ_ONCE(s->sched_busy_ns);
		sum->sched_told_ns += READ_ONCE(s->sched_told_ns);
		sum->heap_events += READ_ONCE(s->heap_events);
		sum->heap_busy_ns += READ_ONCE(s->heap_busy_ns);
		for (i = 0; i < KPPROF_ENDS_N; i++)
			sum->ends[i] += READ_ONCE(s->ends[i]);
	}
}
