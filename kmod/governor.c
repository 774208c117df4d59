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
/* Rates are doubled so often at the most: from KPPROF_SLOWED_LEAST to _MOST. */
#define SLOWED_MAX 19
/* Quiet periods before a rate is halved again. */
#define PATIENCE 2
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
 * @looked: ns in probes, whatever the rate
 * @told: ns on waits that were told
 * @at: ktime_get_mono_fast_ns(), or ns between them
 */
struct cost {
	u64 looked;
	u64 told;
	u64 at;
};

static struct cost last;
/* A period's cost, smoothed over some: few waits are told in one, and few probes are timed. That of
 * waits that are told is what it would have been at the present rate. */
static struct cost usual;
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

		c.looked += READ_ONCE(s->sched_busy_ns);
		c.told += READ_ONCE(s->sched_told_ns);
	}
	/* A CPU may have told something between the two. */
	c.looked -= min(c.looked, c.told);
	return c;
}

static void slow(unsigned int slowed)
{
	WRITE_ONCE(kpprof_governor_slowed, slowed);
	kpprof_tell_slowed(slowed);
}

static void smooth(u64 *usual_ns, u64 ns)
{
	*usual_ns += ns / 4 - *usual_ns / 4;
}

static void govern(void)
{
	const struct cost *c = &usual;
	u64 all = READ_ONCE(budget) * c->at, least = div_u64(all, TOLD_LEAST);
	u64 looked = c->looked * 1000, told = c->told * 1000;
	/* What waits may cost that are told. */
	u64 most = looked + least < all ? all - looked : least;
	unsigned int slowed = kpprof_governor_slowed;

	if (told > most) {
		quiet = 0;
		if (slowed < SLOWED_MAX)
			slow(slowed + 1);
		usual.told /= 2;
		return;
	}
	/* With half the rate it would cost twice as much. */
	quiet = told * 3 < most ? quiet + 1 : 0;
	if (slowed && quiet >= PATIENCE) {
		quiet = 0;
		slow(slowed - 1);
		usual.told *= 2;
	}
}

static void look(struct work_struct *work)
{
	struct cost now = cost_now();

	smooth(&usual.looked, now.looked > last.looked ? now.looked - last.looked : 0);
	smooth(&usual.told, now.told - last.told);
	smooth(&usual.at, now.at - last.at);
	if (usual.at)
		govern();
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
		usual = (struct cost){};
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
