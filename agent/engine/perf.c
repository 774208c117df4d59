// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The perf engine. One set of per-CPU side events tells of mappings, forks, execs and names while
 * any capture runs; for each sampling rate that is asked for there is one set of sampling events,
 * shared by all captures of that rate. All rings together are read in the order of time, so that a
 * sample meets the mappings of its moment.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "../image/store.h"
#include "engine.h"
#include "events.h"
#include "held.h"
#include "members.h"
#include "record.h"
#include "user_stack.h"

enum {
	/* Rates in use at the same time; another one shares the events of the nearest. */
	SETS_MAX = 8,
};

/* The rings are read at least so often. */
#define TICK_NS (100 * NSEC_PER_MSEC)
/* CPUs that came online, and targets that are gone, are looked for so often. */
#define RESCAN_NS NSEC_PER_SEC
/* A record is in its ring so long after its time at the latest: order between rings is kept behind
 * this. */
#define SETTLE_NS (2 * NSEC_PER_MSEC)
/* Rows are kept so long after their last use. */
#define LINGER_NS (2 * NSEC_PER_SEC)

struct engine {
	struct loop *loop;
	struct image_store *store;
	struct processes *processes;
	struct cpu_capture *captures;
	struct event_set *side;
	struct event_set *sets;
	struct held *held;
	struct held *retrying;
	size_t held_bytes;
	/* Room for the captures that want one sample: as many as there are captures. */
	struct cpu_capture **wanted;
	size_t ncaptures;
	size_t wanted_cap;
	unsigned int users;
	struct loop_timer tick;
	struct loop_timer linger;
	uint64_t next_rescan;
};

static void rows_ready(void *ctx, struct image *image);
static void drain(struct engine *e);

static void tick(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, tick));

	drain(e);
}

static void linger(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, linger));

	image_store_trim(e->store);
	malloc_trim(0);
}

int engine_create(struct loop *loop, struct engine **out)
{
	struct engine *e = calloc(1, sizeof(*e));
	int err;

	if (!e)
		return -ENOMEM;
	e->loop = loop;
	e->tick.cb = tick;
	e->linger.cb = linger;
	err = image_store_create(loop, rows_ready, e, &e->store);
	if (!err)
		err = processes_create(e->store, &e->processes);
	if (err) {
		engine_destroy(e);
		return err;
	}
	*out = e;
	return 0;
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	while (e->captures)
		cpu_capture_cancel(e, e->captures);
	processes_destroy(e->processes);
	image_store_destroy(e->store);
	loop_timer_clear(e->loop, &e->linger);
	free(e->wanted);
	free(e);
}

struct image_store *engine_store(struct engine *e)
{
	return e->store;
}

struct loop *engine_loop(const struct engine *e)
{
	return e->loop;
}

void engine_use(struct engine *e)
{
	e->users++;
	loop_timer_clear(e->loop, &e->linger);
}

void engine_unuse(struct engine *e)
{
	if (--e->users)
		return;
	loop_timer_set(e->loop, &e->linger, LINGER_NS);
}

/* What a set of events counts, for people; the captures that read it. */
static bool reads(const struct cpu_capture *c, const struct event_set *set, uint64_t time)
{
	return c->set == set && c->start <= time && time <= c->end;
}

/* Takes the markers out of a callchain; callers are return addresses, and lie one byte before. */
static unsigned int kernel_frames(const struct record_sample *s, __u64 *out)
{
	unsigned int n = 0;

	for (uint64_t i = 0; i < s->nchain && n < KERNEL_FRAMES_MAX; i++) {
		uint64_t ip;

		memcpy(&ip, s->chain + i, sizeof(ip));
		if (ip == (uint64_t)PERF_CONTEXT_USER)
			break;
		if (ip >= (uint64_t)PERF_CONTEXT_MAX)
			continue;
		out[n] = n ? ip - 1 : ip;
		n++;
	}
	if (!n && s->kernel_mode)
		out[n++] = s->ip;
	return n;
}

static void deliver(struct engine *e, struct held *h, const struct kpprof_walk *walk,
		    const __u64 *user, unsigned int nuser)
{
	__u64 kernel[KERNEL_FRAMES_MAX];
	struct cpu_sample sample = {
		.pid = h->record.pid,
		.tid = h->record.tid,
		.thread = h->thread,
		.ns = h->ns,
		.process = h->process,
		.maps = h->maps,
		.kernel = kernel,
		.nkernel = kernel_frames(&h->record.sample, kernel),
		.user = user,
		.nuser = nuser,
		.end = walk->end,
		.guesses = walk->guesses,
	};

	(void)e;
	/* A kernel thread has no user half that could be missing. */
	if (sample.end == KPPROF_END_NO_REGS && sample.nkernel)
		sample.end = KPPROF_END_COMPLETE;
	for (size_t i = 0; i < h->ncaptures; i++)
		if (h->captures[i])
			h->captures[i]->on_sample(h->captures[i]->ctx, &sample);
}

/* Walks, and delivers unless rows are missing: then they are asked for, and true is returned. */
static bool walk_or_wait(struct engine *e, struct held *h, bool may_wait)
{
	__u64 user[USER_FRAMES_MAX];
	struct kpprof_walk walk;
	struct image *awaited;
	unsigned int n;

	n = user_stack_walk(e->store, h->record.pid, h->maps, &h->record.sample, user,
			    USER_FRAMES_MAX, &walk, &awaited);
	if (awaited) {
		image_want_rows(awaited);
		if (may_wait && awaited->state == IMAGE_LOADING) {
			h->awaits = awaited;
			return true;
		}
	}
	deliver(e, h, &walk, user, n);
	return false;
}

static void hold(struct engine *e, struct held *h)
{
	h->next = e->held;
	e->held = h;
	e->held_bytes += h->bytes;
	for (size_t i = 0; i < h->ncaptures; i++)
		h->captures[i]->held++;
}

static void let_go(struct engine *e, struct held *h)
{
	e->held_bytes -= h->bytes;
	for (size_t i = 0; i < h->ncaptures; i++)
		if (h->captures[i])
			h->captures[i]->held--;
	held_free(h);
}

static void handle_sample(struct engine *e, struct event_set *set, const struct record *r)
{
	struct cpu_capture *c;
	struct process *p;
	struct held *h;
	size_t n = 0;

	/* The idle task: time in which nothing ran. */
	if (!r->pid && !r->tid)
		return;
	for (c = e->captures; c; c = c->next) {
		if (!reads(c, set, r->time))
			continue;
		c->seen++;
		if (members_has(c, r->pid))
			e->wanted[n++] = c;
	}
	if (!n)
		return;
	p = processes_load(e->processes, r->pid);
	if (!p)
		return;
	h = held_create(r, p, processes_thread(e->processes, r->pid, r->tid),
			(uint64_t)((double)r->sample.period * set->unit_ns), e->wanted, n);
	if (!h)
		return;
	if (walk_or_wait(e, h, e->held_bytes + h->bytes <= HELD_BYTES_MAX))
		hold(e, h);
	else
		held_free(h);
}

static void rows_ready(void *ctx, struct image *image)
{
	struct engine *e = ctx;
	struct held **at = &e->held;

	while (*at) {
		struct held *h = *at;

		if (h->awaits != image) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		h->next = e->retrying;
		e->retrying = h;
	}
	while (e->retrying) {
		struct held *h = e->retrying;

		e->retrying = h->next;
		if (walk_or_wait(e, h, true)) {
			h->next = e->held;
			e->held = h;
		} else {
			let_go(e, h);
		}
	}
	if (e->captures)
		drain(e);
}

static bool box_is_watched(const struct engine *e)
{
	const struct cpu_capture *c = e->captures;

	while (c && c->target.kind != TARGET_BOX)
		c = c->next;
	return c;
}

static void handle_fork(struct engine *e, const struct record *r)
{
	struct cpu_capture *c;

	if (r->pid == r->task.ppid) {
		processes_thread_new(e->processes, r->task.ptid, r->tid);
		return;
	}
	/* The parent's mappings are the child's, and the child may be gone before its first sample
	 * is read. */
	if (box_is_watched(e))
		processes_load(e->processes, r->task.ppid);
	processes_fork(e->processes, r->task.ppid, r->pid);
	processes_thread_new(e->processes, r->task.ptid, r->tid);
	for (c = e->captures; c; c = c->next)
		members_fork(c, r->task.ppid, r->pid);
}

static void handle_comm(struct engine *e, const struct record *r)
{
	struct cpu_capture *c;

	processes_comm(e->processes, r->tid, r->comm.name);
	if (r->comm.exec)
		processes_exec(e->processes, r->pid);
	if (r->pid != r->tid)
		return;
	for (c = e->captures; c; c = c->next) {
		bool was = members_has(c, r->pid);

		members_exec(c, r->pid, r->comm.name);
		/* Its mappings are from now on told by records; those that it has are read once. */
		if (!was && members_has(c, r->pid) && !processes_find(e->processes, r->pid))
			processes_load(e->processes, r->pid);
	}
}

static void handle_lost(struct engine *e, const struct event_set *set, uint64_t lost)
{
	for (struct cpu_capture *c = e->captures; c; c = c->next) {
		if (set->side)
			c->side_lost += lost;
		else if (c->set == set)
			c->lost += lost;
	}
}

static void handle(struct engine *e, struct event_set *set, const struct perf_event_header *header)
{
	struct record r;

	if (record_parse(header, &r))
		return;
	switch (r.type) {
	case PERF_RECORD_SAMPLE:
		handle_sample(e, set, &r);
		break;
	case PERF_RECORD_MMAP2:
		processes_mmap(e->processes, r.pid, &r.mmap);
		break;
	case PERF_RECORD_FORK:
		handle_fork(e, &r);
		break;
	case PERF_RECORD_EXIT:
		processes_exit(e->processes, r.pid, r.tid);
		break;
	case PERF_RECORD_COMM:
		handle_comm(e, &r);
		break;
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		handle_lost(e, set, r.lost);
		break;
	case PERF_RECORD_THROTTLE:
		for (struct cpu_capture *c = e->captures; c; c = c->next)
			c->throttled += c->set == set;
		break;
	}
}

static void look_ahead(struct cpu_ring *r)
{
	const struct perf_event_header *h = ring_peek(&r->ring);

	r->has_next = h;
	/* A record without a time is damaged: it comes first and is dropped. */
	if (h && record_time(h, &r->next_time))
		r->next_time = 0;
}

static void earliest(struct event_set *set, struct cpu_ring **best)
{
	for (struct cpu_ring *r = set->rings; r; r = r->next)
		if (r->has_next && (!*best || r->next_time < (*best)->next_time))
			*best = r;
}

static void snapshot(struct event_set *set)
{
	for (struct cpu_ring *r = set->rings; r; r = r->next) {
		ring_snapshot(&r->ring);
		look_ahead(r);
	}
}

/* Reads all rings in the order of time, up to @until. */
static void read_rings(struct engine *e, uint64_t until)
{
	snapshot(e->side);
	for (struct event_set *s = e->sets; s; s = s->next)
		snapshot(s);
	for (;;) {
		struct cpu_ring *r = NULL;

		earliest(e->side, &r);
		for (struct event_set *s = e->sets; s; s = s->next)
			earliest(s, &r);
		if (!r || r->next_time > until)
			break;
		handle(e, r->set, ring_peek(&r->ring));
		ring_consume(&r->ring);
		ring_release(&r->ring);
		look_ahead(r);
	}
}

static void set_release(struct engine *e, struct event_set *set)
{
	struct event_set **at = &e->sets;

	if (--set->users)
		return;
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	event_set_close(set);
}

/* Takes a capture out of everything; with the last one the events and all processes go. */
static void detach(struct engine *e, struct cpu_capture *c)
{
	struct cpu_capture **at = &e->captures;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	e->ncaptures--;
	set_release(e, c->set);
	members_deinit(c);
	if (!e->captures) {
		loop_timer_clear(e->loop, &e->tick);
		event_set_close(e->side);
		e->side = NULL;
		processes_clear(e->processes);
	}
	engine_unuse(e);
}

static void finish_stopped(struct engine *e, uint64_t until)
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

static void rescan(struct engine *e)
{
	struct cpu_capture *c;

	event_set_rescan(e->side);
	for (struct event_set *s = e->sets; s; s = s->next)
		event_set_rescan(s);
	for (c = e->captures; c; c = c->next)
		if (!c->exited && !c->stopping && c->target.kind == TARGET_PID && !members_alive(c))
			break;
	if (c) {
		c->exited = true;
		if (c->on_target_exit)
			c->on_target_exit(c->ctx);
	}
}

static void drain(struct engine *e)
{
	uint64_t now = loop_now(), until = now - SETTLE_NS;

	if (!e->side)
		return;
	read_rings(e, until);
	finish_stopped(e, until);
	if (e->captures && now >= e->next_rescan) {
		e->next_rescan = now + RESCAN_NS;
		rescan(e);
	}
	if (e->captures)
		loop_timer_set(e->loop, &e->tick, TICK_NS);
}

static void ring_ready(void *ctx)
{
	drain(ctx);
}

static struct event_set *nearest_set(struct engine *e, unsigned int hz)
{
	struct event_set *best = e->sets;

	for (struct event_set *s = e->sets; s; s = s->next)
		if (abs((int)s->hz - (int)hz) < abs((int)best->hz - (int)hz))
			best = s;
	return best;
}

static int set_get(struct engine *e, unsigned int hz, struct event_set **out)
{
	struct event_set *s;
	unsigned int n = 0;
	int err;

	for (s = e->sets; s && s->hz != hz; s = s->next)
		n++;
	if (!s && n >= SETS_MAX)
		s = nearest_set(e, hz);
	if (!s) {
		err = event_set_open(e->loop, hz, ring_ready, e, &s);
		if (err)
			return err;
		s->next = e->sets;
		e->sets = s;
	}
	s->users++;
	*out = s;
	return 0;
}

/* The rows of a few known processes are asked for ahead; those of a whole box as they are needed.
 */
static void prefetch(struct engine *e, const struct cpu_capture *c)
{
	for (size_t i = 0; i < c->nmembers; i++) {
		struct process *p = processes_load(e->processes, c->members[i]);

		for (uint32_t k = 0; p && p->maps && k < p->maps->n; k++)
			if (p->maps->images[k])
				image_want_rows(p->maps->images[k]);
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
	int err;

	c->members = NULL;
	c->nmembers = c->members_cap = 0;
	err = make_room(e);
	if (!err)
		err = members_find(c);
	/* Side records first: what a process maps while its mappings are read is told twice, not
	 * lost. */
	if (!err && !e->side)
		err = event_set_open(e->loop, 0, ring_ready, e, &e->side);
	if (!err)
		err = set_get(e, c->hz, &c->set);
	if (err) {
		members_deinit(c);
		if (!e->captures) {
			event_set_close(e->side);
			e->side = NULL;
		}
		return err;
	}
	engine_use(e);
	c->lost = c->seen = c->side_lost = c->throttled = 0;
	c->held = 0;
	c->stopping = c->exited = false;
	c->event = c->set->cycles ? "cycles" : "cpu-clock";
	c->hz = c->set->hz;
	c->period_ns = c->set->period_ns;
	c->next = e->captures;
	e->captures = c;
	e->ncaptures++;
	c->end = UINT64_MAX;
	c->start = loop_now();
	prefetch(e, c);
	loop_timer_set(e->loop, &e->tick, TICK_NS);
	return 0;
}

void cpu_capture_stop(struct engine *e, struct cpu_capture *c)
{
	if (c->stopping)
		return;
	c->stopping = true;
	c->end = loop_now();
	loop_timer_set(e->loop, &e->tick, SETTLE_NS + NSEC_PER_MSEC);
}

static void forget(struct held *list, const struct cpu_capture *c)
{
	for (; list; list = list->next)
		for (size_t i = 0; i < list->ncaptures; i++)
			if (list->captures[i] == c)
				list->captures[i] = NULL;
}

void cpu_capture_cancel(struct engine *e, struct cpu_capture *c)
{
	forget(e->held, c);
	forget(e->retrying, c);
	detach(e, c);
}
