/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The perf events that tick while a CPU works: cycles where they are counted, else cpu-clock. */
#ifndef KPPROF_CLOCK_H
#define KPPROF_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/perf_event.h>

/** dump_bytes_set() - how much of the user stack a sample carries: 1024 to 65528 bytes; -EINVAL
 * otherwise */
int dump_bytes_set(int64_t bytes);

/** dump_bytes_get() - the same, as it was set */
uint32_t dump_bytes_get(void);

/** clock_counts_cycles() - whether CPU cycles are counted here */
bool clock_counts_cycles(void);

/** clock_unit_ns() - nanoseconds for each unit of a sample's period */
double clock_unit_ns(bool cycles);

/**
 * clock_ring_bytes() - how large a ring is wanted
 * @hz: samples a second, all with their stacks
 * @ms: so long it holds them, as far as memory goes
 */
size_t clock_ring_bytes(unsigned int hz, unsigned int ms);

/**
 * clock_attr() - the event that samples
 * @attr: out; its samples are RECORD_SAMPLE_TYPE
 * @hz: samples per second and CPU
 * @cycles: count cycles
 */
void clock_attr(struct perf_event_attr *attr, unsigned int hz, bool cycles);

#endif /* KPPROF_CLOCK_H */
