// SPDX-License-Identifier: GPL-2.0-or-later
#include "duty.h"

#include <stddef.h>

#include "../base/log.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "cost.h"
#include "processes.h"
#include "samples.h"
#include "watch.h"

/* A part of a round, and how often probes are looked at that are always there. */
#define PART_NS (50 * NSEC_PER_MSEC)
#define LOOK_NS (200 * NSEC_PER_MSEC)

/*
 * Between two rounds: what was sampled in one has to be read before the next one begins, since it
 * stands for something else. After so long a time the program may be doing something else.
 */
#define OFF_MIN_NS (400 * NSEC_PER_MSEC)
#define OFF_MAX_NS (5 * NSEC_PER_SEC)

uint64_t heap_duty_off_ns(uint64_t on_ns, double cost)
{
	double ns = (double)on_ns * (cost / HEAP_COST_DUTY - 1);

	if (ns < (double)OFF_MIN_NS)
		return OFF_MIN_NS;
	return ns < (double)OFF_MAX_NS ? (uint64_t)ns : OFF_MAX_NS;
}

double heap_duty_share(const struct heap_duty *d)
{
	uint64_t all = d->on_ns + d->off_ns;

	return all ? (double)d->on_ns / (double)all : 1;
}

/* CPU time of the watched processes since this was called last, ns. */
static double take_cpu(const struct heap_duty *d)
{
	uint64_t sum = 0;

	for (struct heap_process *p = d->watch->processes; p; p = p->next) {
		uint64_t now = process_cpu_ns(p->pid);

		/* One that is gone has none. */
		sum += now > p->cpu_ns ? now - p->cpu_ns : 0;
		p->cpu_ns = now;
	}
	return (double)sum;
}

/* Counts that could not be asked for are zeros. */
static double more(uint64_t now, uint64_t before)
{
	return now > before ? (double)(now - before) : 0;
}

/* What has happened since this was called last. */
static struct heap_seen take_seen(struct heap_duty *d)
{
	struct heap_counts now;
	struct heap_seen seen;

	heap_watch_counts(d->watch, &now);
	seen.cpu_ns = take_cpu(d);
	seen.allocs = more(now.allocs, d->last.allocs);
	seen.frees = more(now.frees, d->last.frees);
	d->last = now;
	return seen;
}

static void set_timer(struct heap_duty *d, uint64_t ns)
{
	loop_timer_set(engine_loop(d->watch->engine), &d->timer, ns);
}

/* The probes of @part, and no others. */
static void begin_part(struct heap_duty *d, enum heap_part part, uint64_t ns)
{
	struct heap_seen between;

	for (struct heap_process *p = d->watch->processes; p; p = p->next)
		heap_process_lift(p);
	d->part = part;
	for (struct heap_process *p = d->watch->processes; p; p = p->next)
		heap_process_attach(p);
	between = take_seen(d);
	heap_pace_between(&d->pace, &between);
	d->since = loop_now();
	set_timer(d, ns);
}

static void begin_round(struct heap_duty *d)
{
	heap_pace_begin(&d->pace);
	d->round_ns = 0;
	begin_part(d, HEAP_PART_ALL, PART_NS);
}

/* How long to be without probes after a round. */
static uint64_t rest(struct heap_duty *d)
{
	d->cost = heap_pace_cost_ns(&d->pace) / (double)d->round_ns;
	return heap_duty_off_ns(d->round_ns, d->cost);
}

static void next_part(struct heap_duty *d, uint64_t took, const struct heap_seen *seen)
{
	heap_pace_end(&d->pace, d->part, seen);
	if (d->part == HEAP_PART_NONE) {
		d->off_ns += took;
		begin_round(d);
		return;
	}
	d->on_ns += took;
	d->round_ns += took;
	if (d->part != HEAP_PART_FREES) {
		begin_part(d, d->part + 1, PART_NS);
		return;
	}
	begin_part(d, HEAP_PART_NONE, rest(d));
	heap_watch_round(d->watch);
}

/* Probes that are always there: is it too much? */
static void look(struct heap_duty *d, uint64_t took, const struct heap_seen *seen)
{
	d->cost = (seen->allocs + seen->frees) * heap_hit_ns() / (double)took;
	d->on_ns += took;
	d->since = loop_now();
	if (d->watch->force || d->cost <= HEAP_COST_REFUSE) {
		set_timer(d, LOOK_NS);
		return;
	}
	log_info("heap probes would cost %.0f %% of a CPU: they are there part of the time",
		 100 * d->cost);
	d->governed = true;
	heap_watch_unfollow(d->watch);
	begin_round(d);
}

static void end_part(struct heap_duty *d)
{
	uint64_t now = loop_now(), took = now - d->since;
	struct heap_seen seen = take_seen(d);

	if (d->governed)
		next_part(d, took, &seen);
	else
		look(d, took, &seen);
}

static void on_timer(struct loop_timer *t)
{
	end_part((struct heap_duty *)(void *)((char *)t - offsetof(struct heap_duty, timer)));
}

void heap_duty_start(struct heap_watch *w)
{
	struct heap_duty *d = &w->duty;

	d->watch = w;
	heap_pace_init(&d->pace, heap_hit_ns());
	take_seen(d);
	d->since = loop_now();
	d->timer.cb = on_timer;
	set_timer(d, LOOK_NS / 2);
}

void heap_duty_stop(struct heap_watch *w)
{
	if (w->duty.watch)
		loop_timer_clear(engine_loop(w->engine), &w->duty.timer);
	w->duty.watch = NULL;
}

bool heap_duty_round(struct heap_watch *w)
{
	struct heap_duty *d = &w->duty;

	if (!d->governed)
		return false;
	if (d->part == HEAP_PART_NONE && loop_now() < d->since + OFF_MIN_NS)
		return false;
	if (d->part == HEAP_PART_NONE)
		end_part(d);
	return true;
}
