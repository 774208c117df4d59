/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is counted from the start of the agent to its end, whoever asks. One list makes the enum and
 * what /metrics shows.
 */
#ifndef KPPROF_COUNTERS_H
#define KPPROF_COUNTERS_H

#include <stdint.h>

/* COUNTER(ENUM, metric, label, value of the label), those of one metric together. */
#define KPPROF_COUNTERS(COUNTER)                                                 \
	COUNTER(CPU_SAMPLES, "kpprof_samples_total", "kind", "cpu")              \
	COUNTER(COUNTED, "kpprof_samples_total", "kind", "counted")              \
	COUNTER(READ_EVENTS, "kpprof_ring_bytes_total", "ring", "events")        \
	COUNTER(READ_SIDE, "kpprof_ring_bytes_total", "ring", "side")            \
	COUNTER(LOST_CPU, "kpprof_lost_records_total", "reason", "cpu_ring")     \
	COUNTER(LOST_SIDE, "kpprof_lost_records_total", "reason", "side_ring")   \
	COUNTER(LOST_SCHED, "kpprof_lost_records_total", "reason", "sched_ring") \
	COUNTER(LOST_HEAP, "kpprof_lost_records_total", "reason", "heap_ring")   \
	COUNTER(THROTTLED, "kpprof_throttled_total", "kind", "cpu")

enum counter {
#define COUNTER(id, metric, label, value) COUNTER_##id,
	KPPROF_COUNTERS(COUNTER)
#undef COUNTER
		COUNTERS_N
};

extern uint64_t counters[COUNTERS_N];

/** counter_add() - so many more */
static inline void counter_add(enum counter c, uint64_t n)
{
	counters[c] += n;
}

#endif /* KPPROF_COUNTERS_H */
