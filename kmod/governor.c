// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/timekeeping.h>
#include <linux/workqueue.h>

#include "client.h"
#include "governor.h"
#include "netlink.h"
#include "stats.h"

/* How often it looks. */
#define PERIOD (HZ / 5)
/* Rates are doubled so often at the most: a rate of 1 ms is then one of 17 minutes. */
#define SLOWED_MAX 20
/* Quiet periods before a rate is halved again. */
#define PATIENCE 5

unsigned int kpprof_governor_slowed;

static unsigned int budget = 10;
module_param(budget, uint, 0444);
MODULE_PARM_DESC(budget, "what watching waits may cost, in thousandths of a CPU; default: 10");

static u64 last_busy, last_at;
static unsigned int quiet;

u32 kpprof_governor_budget(void)
{
	return READ_ONCE(budget);
}

static u64 busy_ns(void)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(kpprof_stats, cpu).sched_busy_ns);
	return sum;
}

static void slow(unsigned int slowed)
{
	WRITE_ONCE(kpprof_governor_slowed, slowed);
	kpprof_tell_slowed(slowed);
}

static void govern(u64 busy, u64 ns)
{
	u64 permille = div64_u64(busy * 1000, ns), most = READ_ONCE(budget);
	unsigned int slowed = kpprof_governor_slowed;

	if (permille > most) {
		quiet = 0;
		if (slowed < SLOWED_MAX)
			slow(slowed + 1);
		return;
	}
	/* With half the rate it would cost twice as much. */
	quiet = permille * 3 < most ? quiet + 1 : 0;
	if (slowed && quiet >= PATIENCE) {
		quiet = 0;
		slow(slowed - 1);
	}
}

static void look(struct work_struct *work)
{
	u64 busy = busy_ns(), now = ktime_get_mono_fast_ns();

	if (now > last_at)
		govern(busy - last_busy, now - last_at);
	last_busy = busy;
	last_at = now;
	queue_delayed_work(kpprof_wq, to_delayed_work(work), PERIOD);
}

static DECLARE_DELAYED_WORK(look_work, look);
static bool running;

void kpprof_governor_run(bool run)
{
	if (run == running)
		return;
	running = run;
	if (run) {
		last_busy = busy_ns();
		last_at = ktime_get_mono_fast_ns();
		quiet = 0;
		queue_delayed_work(kpprof_wq, &look_work, PERIOD);
		return;
	}
	/* It does not take kpprof_lock. */
	cancel_delayed_work_sync(&look_work);
	WRITE_ONCE(kpprof_governor_slowed, 0);
}

void kpprof_governor_deinit(void)
{
	cancel_delayed_work_sync(&look_work);
}
