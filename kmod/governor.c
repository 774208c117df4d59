// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>
#include <linux/math64.h>
#include <linux/minmax.h>
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
/*
 * This part of the budget is for telling waits, however much the rest costs: a box that switches so
 * often that to look at each switch takes all of the budget would not get cheaper by telling
 * nothing, and nobody would learn why it does.
 */
#define TOLD_LEAST 8

unsigned int kpprof_governor_slowed;

static unsigned int budget = 10;
module_param(budget, uint, 0444);
MODULE_PARM_DESC(budget, "what watching waits may cost, in thousandths of a CPU; default: 10");

/**
 * struct cost - what was spent until a moment, or between two
 * @busy: ns in probes and walks
 * @told: ns of that for waits that were told
 * @at: ktime_get_mono_fast_ns(), or ns between them
 */
struct cost {
	u64 busy;
	u64 told;
	u64 at;
};

static struct cost last;
static unsigned int quiet;

u32 kpprof_governor_budget(void)
{
	return READ_ONCE(budget);
}

static struct cost cost_now(void)
{
	struct cost c = {.at = ktime_get_mono_fast_ns()};
	int cpu;

	for_each_possible_cpu(cpu) {
		const struct kpprof_stats *s = &per_cpu(kpprof_stats, cpu);

		c.busy += READ_ONCE(s->sched_busy_ns);
		c.told += READ_ONCE(s->sched_told_ns);
	}
	return c;
}

static void slow(unsigned int slowed)
{
	WRITE_ONCE(kpprof_governor_slowed, slowed);
	kpprof_tell_slowed(slowed);
}

static void govern(const struct cost *c)
{
	u64 all = READ_ONCE(budget) * c->at, least = div_u64(all, TOLD_LEAST);
	u64 looked = (c->busy - min(c->told, c->busy)) * 1000, told = c->told * 1000;
	/* What waits may cost that are told. */
	u64 most = looked + least < all ? all - looked : least;
	unsigned int slowed = kpprof_governor_slowed;

	if (told > most) {
		quiet = 0;
		if (slowed < SLOWED_MAX)
			slow(slowed + 1);
		return;
	}
	/* With half the rate it would cost twice as much. */
	quiet = told * 3 < most ? quiet + 1 : 0;
	if (slowed && quiet >= PATIENCE) {
		quiet = 0;
		slow(slowed - 1);
	}
}

static void look(struct work_struct *work)
{
	struct cost now = cost_now();
	struct cost since = {now.busy - last.busy, now.told - last.told, now.at - last.at};

	if (now.at > last.at)
		govern(&since);
	last = now;
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
		last = cost_now();
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
