// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * CPU captures: who runs, what each gets of the samples of the events that they share (cpu_set.h),
 * and when each begins and ends.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/counters.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../image/store.h"
#include "core.h"
#include "cpu_set.h"
#include "kmod.h"

/* What a held sample is for: captures, NULL for one that was cancelled. */
struct wanted {
	uint64_t ns;
	size_t n;
	struct cpu_capture *captures[];
};

static bool reads(const struct cpu_capture *c, const struct cpu_set *set, uint64_t time)
{
	return c->set == set && c->start <= time && time <= c->end;
}

static struct wanted *wanted_of(struct held *h)
{
	return (struct wanted *)h->extra;
}

static void deliver(struct held *h, const struct stack *stack)
{
	const struct wanted *w = wanted_of(h);
	struct cpu_sample sample = {
		.pid = h->record.pid,
		.tid = h->record.tid,
		.thread = h->thread,
		.ns = w->ns,
		.stack = *stack,
		.context = h->record.sample.context,
	};

	for (size_t i = 0; i < w->n; i++) {
		struct cpu_capture *c = w->captures[i];

		if (!c)
			continue;
		c->held--;
		c->on_sample(c->ctx, &sample);
	}
}

static struct held *hold(struct engine *e, const struct record *r, struct process *p, uint64_t ns,
			 size_t n)
{
	struct held *h = held_create(r, p, processes_thread(e->processes, r->pid, r->tid),
				     sizeof(struct wanted) + n * sizeof(struct cpu_capture *));
	struct wanted *w;

	if (!h)
		return NULL;
	h->deliver = deliver;
	w = wanted_of(h);
	w->ns = ns;
	w->n = n;
	memcpy(w->captures, e->wanted, n * sizeof(struct cpu_capture *));
	for (size_t i = 0; i < n; i++)
		w->captures[i]->held++;
	return h;
}

static void handle_sample(struct engine *e, struct cpu_set *set, const struct record *r)
{
	struct cpu_capture *c;
	struct process *p;
	struct held *h;
	bool believed;
	size_t n = 0;

	/* The idle task: time in which nothing ran. */
	if (!r->pid && !r->tid)
		return;
	for (c = e->captures; c; c = c->next) {
		if (!reads(c, set, r->time))
			continue;
		c->seen++;
		if (members_has(&c->members, r->pid))
			e->wanted[n++] = c;
	}
	if (!n)
		return;
	p = processes_load(e->processes, r->pid);
	if (!p)
		return;
	h = hold(e, r, p, (uint64_t)((double)r->sample.period * set->unit_ns), n);
	if (!h)
		return;
	believed = follow_sample(&e->follow, p, &r->sample);
	if (r->sample.walked)
		held_walked(h, believed);
	else
		held_walk(&e->held, e->store, h);
}

bool captures_box(const struct engine *e)
{
	const struct cpu_capture *c = e->captures;

	while (c && c->target.kind != TARGET_BOX)
		c = c->next;
	return c;
}

void captures_fork(struct engine *e, pid_t ppid, pid_t pid, uint64_t time)
{
	for (struct cpu_capture *c = e->captures; c; c = c->next)
		members_fork(&c->members, ppid, pid, time);
}

/* Has the module sample a process too; one that is gone by now is no loss. */
static void arm_member(struct engine *e, const struct cpu_capture *c, pid_t pid)
{
	int err;

	if (!c->set->module || c->set->box)
		return;
	err = kmod_arm_pid(e->kmod, c->set->arm, c->set->hz, pid);
	if (err && err != -ESRCH)
		log_warning("pid %d cannot be sampled: %s", (int)pid, kmod_error(e->kmod));
}

void captures_comm(struct engine *e, pid_t pid, const char *name)
{
	for (struct cpu_capture *c = e->captures; c; c = c->next) {
		bool was = members_has(&c->members, pid);

		members_exec(&c->members, pid, name);
		if (was || !members_has(&c->members, pid))
			continue;
		/* Its mappings are from now on told by records; those that it has are read once. */
		if (!processes_find(e->processes, pid))
			processes_load(e->processes, pid);
		arm_member(e, c, pid);
	}
}

void captures_side_lost(struct engine *e, uint64_t lost)
{
	for (struct cpu_capture *c = e->captures; c; c = c->next)
		c->side_lost += lost;
}

/* Samples of a set that the kernel had no room for: nobody knows whose they were. */
static void lose(const struct cpu_set *set, uint64_t n)
{
	counter_add(COUNTER_LOST_CPU, n);
	for (struct cpu_capture *c = set->engine->captures; c; c = c->next)
		if (c->set == set)
			c->lost += n;
}

static void handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct cpu_set *set = owner;
	struct engine *e = set->engine;
	struct cpu_capture *c;
	struct record r;
	int err = set->module ? record_parse_module(header, set->module, &r)
			      : record_parse(header, &r);

	if (err)
		return;
	switch (r.type) {
	case PERF_RECORD_SAMPLE:
		if (parts_join(&ring->parts, header, set->module, &r))
			handle_sample(e, set, &r);
		break;
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		lose(set, event_set_told(ring->set, r.lost));
		break;
	case PERF_RECORD_THROTTLE:
		counter_add(COUNTER_THROTTLED, 1);
		for (c = e->captures; c; c = c->next)
			c->throttled += c->set == set;
		break;
	}
}

/* Processes that no other capture of the same arm looks at. */
static void disarm_members(struct engine *e, const struct cpu_capture *c)
{
	if (!c->set->module || c->set->box || c->set->users < 2)
		return;
	for (size_t i = 0; i < c->members.n; i++) {
		const struct cpu_capture *other = e->captures;

		while (other &&
		       (other->set != c->set || !members_has(&other->members, c->members.pids[i])))
			other = other->next;
		if (!other)
			kmod_disarm_pid(e->kmod, c->set->arm, c->members.pids[i]);
	}
}

static void detach(struct engine *e, struct cpu_capture *c)
{
	struct cpu_capture **at = &e->captures;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	e->ncaptures--;
	disarm_members(e, c);
	cpu_set_put(e, c->set);
	members_deinit(&c->members);
	engine_read_end(e);
}

void captures_read(struct engine *e, uint64_t until)
{
	struct cpu_capture *c = e->captures;

	while (c) {
		if (!c->stopping || c->end > until || c->held) {
			c = c->next;
			continue;
		}
		detach(e, c);
		c->on_done(c->ctx);
		/* The callback may have started or ended others. */
		c = e->captures;
	}
}

void captures_rescan(struct engine *e)
{
	struct cpu_capture *c = e->captures;

	while (c && (c->exited || c->stopping || c->target.kind != TARGET_PID ||
		     members_alive(&c->members)))
		c = c->next;
	if (!c)
		return;
	c->exited = true;
	if (c->on_target_exit)
		c->on_target_exit(c->ctx);
}

/* The rows of a few known processes are asked for ahead; those of a whole box as they are needed.
 */
static void prefetch(struct engine *e, const struct cpu_capture *c)
{
	for (size_t i = 0; i < c->members.n; i++) {
		struct process *p = processes_load(e->processes, c->members.pids[i]);

		for (uint32_t k = 0; p && p->maps && k < p->maps->n; k++)
			if (p->maps->images[k])
				image_want_rows(p->maps->images[k]);
		if (p && c->set->module)
			follow_process(&e->follow, p);
		arm_member(e, c, c->members.pids[i]);
	}
}

static int make_room(struct engine *e)
{
	size_t cap = e->wanted_cap ? e->wanted_cap * 2 : 16;
	struct cpu_capture **wanted;

	if (e->ncaptures < e->wanted_cap)
		return 0;
	wanted = reallocarray(e->wanted, cap, sizeof(struct cpu_capture *));
	if (!wanted)
		return -ENOMEM;
	e->wanted = wanted;
	e->wanted_cap = cap;
	return 0;
}

int cpu_capture_start(struct engine *e, struct cpu_capture *c)
{
	int err = make_room(e);

	c->members = (struct members){0};
	if (!err)
		err = members_find(&c->members, &c->target);
	/* Side records first: what a process maps while its mappings are read is told twice, not
	 * lost. */
	if (!err)
		err = engine_read_begin(e);
	if (err) {
		members_deinit(&c->members);
		return err;
	}
	err = cpu_set_get(e, c->hz, c->target.kind == TARGET_BOX, handle, &c->set);
	if (err) {
		members_deinit(&c->members);
		engine_read_end(e);
		return err;
	}
	/* Those of before are the others'. */
	lose(c->set, event_set_untold(c->set->events));
	c->lost = c->seen = c->side_lost = c->throttled = 0;
	c->held = 0;
	c->stopping = c->exited = false;
	c->engine = c->set->module ? KPPROF_ENGINE_MODULE : KPPROF_ENGINE_PERF;
	c->event = c->set->cycles ? "cycles" : "cpu-clock";
	c->hz = c->set->hz;
	c->period_ns = NSEC_PER_SEC / c->hz;
	c->next = e->captures;
	e->captures = c;
	e->ncaptures++;
	c->end = UINT64_MAX;
	c->start = loop_now();
	prefetch(e, c);
	return 0;
}

void cpu_capture_stop(struct engine *e, struct cpu_capture *c)
{
	if (c->stopping)
		return;
	c->stopping = true;
	c->end = loop_now();
	/* Those that were lost last, which no record may tell of before the capture is answered. */
	lose(c->set, event_set_untold(c->set->events));
	engine_drain_in(e, SETTLE_NS + NSEC_PER_MSEC);
}

static void forget(void *ctx, struct held *h)
{
	struct wanted *w = wanted_of(h);

	if (h->deliver != deliver)
		return;
	for (size_t i = 0; i < w->n; i++)
		if (w->captures[i] == ctx)
			w->captures[i] = NULL;
}

void cpu_capture_cancel(struct engine *e, struct cpu_capture *c)
{
	held_each(&e->held, forget, c);
	detach(e, c);
}

void engine_each_capture(struct engine *e, void (*fn)(void *ctx, const struct cpu_capture *c),
			 void *ctx)
{
	for (const struct cpu_capture *c = e->captures; c; c = c->next)
		fn(ctx, c);
}
