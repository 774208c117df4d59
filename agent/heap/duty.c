// SPDX-License-Identifier: GPL-2.0-or-later
#include "duty.h"

#include <stddef.h>

#include "../base/log.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "cost.h"
#include "processes.h"
#include "watch.h"

/* A phase with probes, and how often they are looked at while they are always there. */
#define ON_NS	(100 * NSEC_PER_MSEC)
#define LOOK_NS (200 * NSEC_PER_MSEC)

/*
 * So short a phase without them is none: what was sampled before has to be read before the next one
 * begins. After so long a one the program may be doing something else.
 */
#define OFF_MIN_NS (400 * NSEC_PER_MSEC)
#define OFF_MAX_NS (5 * NSEC_PER_SEC)

uint64_t heap_duty_off_ns(uint64_t on_ns, double cost)
{
	double ns = (double)on_ns * (cost / HEAP_COST_DUTY - 1);

	if (ns < (double)OFF_MIN_NS)
		return 0;
	return ns < (double)OFF_MAX_NS ? (uint64_t)ns : OFF_MAX_NS;
}

double heap_duty_share(const struct heap_duty *d)
{
	uint64_t all = d->on_ns + d->off_ns;

	return all ? (double)d->on_ns / (double)all : 1;
}

double heap_duty_scale(const struct heap_duty *d)
{
	/* What is not told at first, since a tick more may be under way, is told later. */
	double want = (double)d->on_ns * d->user / (d->user_on + 1);
	double left = want + (double)ON_NS - d->told_ns;

	return left > (double)ON_NS ? left / (double)ON_NS : 1;
}

/* Ticks of user time since this was called last. */
static double take_user(const struct heap_duty *d)
{
	unsigned long long sum = 0;

	for (struct heap_process *p = d->watch->processes; p; p = p->next) {
		unsigned long long now = process_user_ticks(p->pid);

		/* One that is gone has none. */
		sum += now > p->user_ticks ? now - p->user_ticks : 0;
		p->user_ticks = now;
	}
	return (double)sum;
}

static void set_timer(struct heap_duty *d, uint64_t ns)
{
	loop_timer_set(engine_loop(d->watch->engine), &d->timer, ns);
}

static void begin_phase(struct heap_duty *d, bool off, uint64_t ns)
{
	d->off = off;
	d->since = loop_now();
	heap_watch_counts(d->watch, &d->last);
	set_timer(d, ns);
}

static void probe(struct heap_duty *d)
{
	d->off_ns += loop_now() - d->since;
	d->user += take_user(d);
	d->off = false;
	d->scale = heap_duty_scale(d);
	for (struct heap_process *p = d->watch->processes; p; p = p->next)
		heap_process_attach(p);
	begin_phase(d, false, ON_NS);
}

static void lift(struct heap_duty *d, uint64_t ns)
{
	if (!d->governed) {
		d->governed = true;
		log_info("heap probes would cost %.0f %% of a CPU: they are there part of the time",
			 100 * d->cost);
		heap_watch_unfollow(d->watch);
	}
	for (struct heap_process *p = d->watch->processes; p; p = p->next)
		heap_process_lift(p);
	begin_phase(d, true, ns);
}

/* The end of a time with probes. */
static void weigh(struct heap_duty *d)
{
	uint64_t on = loop_now() - d->since, off;
	double user = take_user(d);
	struct heap_counts now;

	d->on_ns += on;
	d->user += user;
	d->user_on += user;
	d->told_ns += (double)on * d->scale;
	heap_watch_counts(d->watch, &now);
	d->cost = heap_cost(&d->last, &now, on, 1);
	off = d->watch->force ? 0 : heap_duty_off_ns(d->governed ? on : ON_NS, d->cost);
	if (off && (d->governed || d->cost > HEAP_COST_REFUSE)) {
		lift(d, off);
		return;
	}
	/* They stay; what is left to be told of the time before is told now. */
	d->scale = d->governed ? heap_duty_scale(d) : 1;
	begin_phase(d, false, d->governed ? ON_NS : LOOK_NS);
}

static void on_timer(struct loop_timer *t)
{
	struct heap_duty *d =
		(struct heap_duty *)(void *)((char *)t - offsetof(struct heap_duty, timer));

	if (d->off)
		probe(d);
	else
		weigh(d);
}

void heap_duty_start(struct heap_watch *w)
{
	struct heap_duty *d = &w->duty;

	d->watch = w;
	d->scale = 1;
	take_user(d);
	d->timer.cb = on_timer;
	begin_phase(d, false, ON_NS);
}

void heap_duty_stop(struct heap_watch *w)
{
	if (w->duty.watch)
		loop_timer_clear(engine_loop(w->engine), &w->duty.timer);
	w->duty.watch = NULL;
}

uint64_t heap_duty_round(struct heap_watch *w)
{
	struct heap_duty *d = &w->duty;
	uint64_t now = loop_now();

	if (!d->governed || (d->off && now < d->since + OFF_MIN_NS))
		return 0;
	if (d->off)
		probe(d);
	return now < d->since + ON_NS ? d->since + ON_NS - now : 0;
}
