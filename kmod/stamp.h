/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The clock of the scheduler's probes: the time stamp counter where it goes evenly on all CPUs,
 * which is read at once, else the monotonic clock, which is scaled and read again when it was being
 * set. What is told is in nanoseconds.
 */
#ifndef KPPROF_STAMP_H
#define KPPROF_STAMP_H

#include <linux/compiler.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/timekeeping.h>
#include <linux/types.h>
#include <asm/msr.h>
#include <asm/tsc.h>

/* Whether stamps are those of the counter; nanoseconds for each, and the reverse, << 32. */
extern bool kpprof_stamp_tsc;
extern u64 kpprof_stamp_to_ns, kpprof_stamp_per_ns;

/** kpprof_stamp_init() - choose the clock. Context: while no stamp is kept */
void kpprof_stamp_init(void);

/** kpprof_stamp() - now. Context: any */
static inline u64 kpprof_stamp(void)
{
	return likely(kpprof_stamp_tsc) ? rdtsc() : ktime_get_mono_fast_ns();
}

/** kpprof_stamp_ns() - nanoseconds between two stamps that lie @stamps apart. Context: any */
static inline u64 kpprof_stamp_ns(u64 stamps)
{
	return mul_u64_u64_shr(stamps, kpprof_stamp_to_ns, 32);
}

/** kpprof_stamps() - the reverse of kpprof_stamp_ns() */
static inline u64 kpprof_stamps(u64 ns)
{
	return mul_u64_u64_shr(ns, kpprof_stamp_per_ns, 32);
}

/** kpprof_stamp_mono() - CLOCK_MONOTONIC nanoseconds of a stamp of the past. Context: any */
static inline u64 kpprof_stamp_mono(u64 stamp)
{
	u64 now = kpprof_stamp(), mono = ktime_get_mono_fast_ns();

	return now > stamp ? mono - kpprof_stamp_ns(now - stamp) : mono;
}

#endif /* KPPROF_STAMP_H */
