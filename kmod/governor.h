/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The governor: adds up what the probes of the scheduler cost, and doubles the rates of waits, so
 * that fewer are told, for as long as that is over the budget.
 */
#ifndef KPPROF_GOVERNOR_H
#define KPPROF_GOVERNOR_H

#include <linux/compiler.h>
#include <linux/minmax.h>
#include <linux/types.h>

#include "../uapi/kpprof.h"

/* How often rates have been doubled. */
extern unsigned int kpprof_governor_slowed;

/** kpprof_governor_rate() - the rate that a wait is picked at. Context: any */
static inline u64 kpprof_governor_rate(u64 rate)
{
	unsigned int slowed = READ_ONCE(kpprof_governor_slowed);

	if (likely(!slowed))
		return rate;
	return max(rate, min(max(rate, KPPROF_SLOWED_LEAST) << slowed, KPPROF_SLOWED_MOST));
}

/** kpprof_governor_run() - look after the cost, or do not any more. Context: task, kpprof_lock held
 */
void kpprof_governor_run(bool run);

/** kpprof_governor_deinit() - it does not run when this returns. Context: task */
void kpprof_governor_deinit(void);

/** kpprof_governor_budget() - thousandths of a CPU. Context: any */
u32 kpprof_governor_budget(void);

#endif /* KPPROF_GOVERNOR_H */
