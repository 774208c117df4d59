// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Captures. One set of per-CPU side events tells of mappings, forks, execs and names while any
 * capture runs; for each sampling rate that is asked for there is one set of sampling events,
 * shared by all captures of that rate: the module's trace events, or perf's own. All rings together
 * are read in the order of time, so that a sample meets the mappings of its moment.
 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "../control/module.h"
#include "../image/store.h"
#include "engine.h"
#include "events.h"
#include "follow.h"
#include "held.h"
#include "kmod.h"
#include "members.h"
#include "record.h"
#include "user_stack.h"

enum {
	/* Rates in use at the same time; another one shares the events of the nearest. */
	SETS_MAX = KPPROF_ARMS_MAX,
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
	/* The module, while captures use it and a little longer. */
	struct kmod *kmod;
	struct follow follow;
	char why[256];
};

static void rows_ready(void *ctx, struct image *image);
static void drain(struct engine *e);

static void tick(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, tick));

	drain(e);
}

/* Its socket is what the module holds on to: without it nothing is uploaded, and it can be
 * unloaded. */
static void module_close(struct engine *e)
{
	follow_stop(&e->follow);
	e->follow.kmod = NULL;
	kmod_close(e->kmod);
	e->kmod = NULL;
}

static void linger(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, linger));

	module_close(e);
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
	follow_init(&e->follow, loop, e->processes);
	*out = e;
	return 0;
}

void engine_destroy(struct engine *e)
{
	if (!e)
		return;
	while (e->captures)
		cpu_capture_cancel(e, e->captures);
	if (e->processes)
		module_close(e);
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

static void deliver(const struct held *h, const struct kpprof_walk *walk, const __u64 *user,
		    unsigned int nuser)
{
	__u64 kernel[KERNEL_FRAMES_MAX];
	struct cpu_sample sample = {
		.pid = h->record.pid,
		.tid = h->record.tid,
		.thread = h->thread,
		.ns = h->ns,
		.stack =
			{
				.process = h->process,
				.maps = h->maps,
				.kernel = kernel,
				.nkernel = kernel_frames(&h->record.sample, kernel),
				.user = user,
				.nuser = nuser,
				.end = walk->end,
				.guesses = walk->guesses,
			},
		.context = h->record.sample.context,
	};

	/* A kernel thread has no user half that could be missing. */
	if (sample.stack.end == KPPROF_END_NO_REGS && sample.stack.nkernel)
		sample.stack.end = KPPROF_END_COMPLETE;
	for (size_t i = 0; i < h->ncaptures; i++)
		if (h->captures[i])
			h->captures[i]->on_sample(h->captures[i]->ctx, &sample);
}

/* What the module has walked. */
static void deliver_walked(const struct held *h, bool believed)
{
	const struct record_sample *s = &h->record.sample;
	struct kpprof_walk walk = {.end = s->end, .guesses = s->guesses};
	unsigned int n = s->nips < USER_FRAMES_MAX ? s->nips : USER_FRAMES_MAX;
	__u64 user[USER_FRAMES_MAX];

	/* Walked with mappings that had been replaced: only where it was is certain. */
	if (!believed) {
		walk.end = KPPROF_END_PENDING;
		n = n ? 1 : 0;
	}
	memcpy(user, s->ips, n * sizeof(*user));
	deliver(h, &walk, user, n);
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
	deliver(h, &walk, user, n);
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
	bool believed;
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
	believed = follow_sample(&e->follow, p, &r->sample);
	if (r->sample.walked) {
		deliver_walked(h, believed);
		held_free(h);
	} else if (walk_or_wait(e, h, e->held_bytes + h->bytes <= HELD_BYTES_MAX))
		hold(e, h);
	else
		held_free(h);
}

static void rows_ready(void *ctx, struct image *image)
{
	struct engine *e = ctx;
	struct held **at = &e->held;

	follow_rows(&e->follow);
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
		if (was || !members_has(c, r->pid))
			continue;
		/* Its mappings are from now on told by records; those that it has are read once. */
		if (!processes_find(e->processes, r->pid))
			processes_load(e->processes, r->pid);
		arm_member(e, c, r->pid);
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

static void handle(struct engine *e, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct event_set *set = ring->set;
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
	case PERF_RECORD_MMAP2:
		processes_mmap(e->processes, r.pid, &r.mmap);
		follow_changed(&e->follow, processes_find(e->processes, r.pid));
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
		handle(e, r, ring_peek(&r->ring));
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
	if (set->module)
		kmod_disarm(e->kmod, set->arm);
	event_set_close(set);
}

/* Processes that no other capture of the same arm looks at. */
static void disarm_members(struct engine *e, const struct cpu_capture *c)
{
	if (!c->set->module || c->set->box || c->set->users < 2)
		return;
	for (size_t i = 0; i < c->nmembers; i++) {
		const struct cpu_capture *other = e->captures;

		while (other && (other->set != c->set || !members_has(other, c->members[i])))
			other = other->next;
		if (!other)
			kmod_disarm_pid(e->kmod, c->set->arm, c->members[i]);
	}
}

/* Takes a capture out of everything; with the last one the events and all processes go. */
static void detach(struct engine *e, struct cpu_capture *c)
{
	struct cpu_capture **at = &e->captures;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	e->ncaptures--;
	disarm_members(e, c);
	set_release(e, c->set);
	members_deinit(c);
	if (!e->captures) {
		loop_timer_clear(e->loop, &e->tick);
		event_set_close(e->side);
		e->side = NULL;
		follow_stop(&e->follow);
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

/* A set that can be shared: the module samples the whole box, or chosen processes. */
static bool serves(const struct event_set *s, bool box)
{
	return !s->module || s->box == box;
}

static struct event_set *nearest_set(struct engine *e, unsigned int hz, bool box)
{
	struct event_set *best = NULL;

	for (struct event_set *s = e->sets; s; s = s->next)
		if (serves(s, box) &&
		    (!best || abs((int)s->hz - (int)hz) < abs((int)best->hz - (int)hz)))
			best = s;
	return best;
}

static unsigned int free_arm(const struct engine *e)
{
	unsigned int used = 0, arm = 0;

	for (const struct event_set *s = e->sets; s; s = s->next)
		if (s->module)
			used |= 1u << s->arm;
	while (used & 1u << arm)
		arm++;
	return arm;
}

/* The rings first: what the module samples from its first moment on is read. */
static int open_module_set(struct engine *e, unsigned int hz, bool box, struct event_set **out)
{
	bool cycles = cycle_counter_works();
	unsigned int arm = free_arm(e);
	struct event_set *s;
	int err = event_set_open(e->loop, hz, kmod_events(e->kmod), arm, ring_ready, e, &s);

	if (err) {
		snprintf(e->why, sizeof(e->why), "the module's trace events: %s", strerror(-err));
		return err;
	}
	err = kmod_arm(e->kmod, arm, hz, box, &cycles);
	if (err) {
		snprintf(e->why, sizeof(e->why), "the module refuses: %s",
			 *kmod_error(e->kmod) ? kmod_error(e->kmod) : strerror(-err));
		event_set_close(s);
		return err;
	}
	event_set_clock(s, cycles);
	s->box = box;
	*out = s;
	return 0;
}

/* True when the module is there for this set; e->why says why not. */
static bool try_module(struct engine *e, unsigned int hz, bool box, struct event_set **out)
{
	if (!e->kmod && kmod_open(e->store, e->why, sizeof(e->why), &e->kmod))
		return false;
	e->follow.kmod = e->kmod;
	if (!open_module_set(e, hz, box, out)) {
		e->why[0] = '\0';
		return true;
	}
	/* Captures that use it go on with it. */
	for (const struct event_set *s = e->sets; s; s = s->next)
		if (s->module)
			return false;
	module_close(e);
	return false;
}

static int open_set(struct engine *e, unsigned int hz, bool box, struct event_set **out)
{
	if (try_module(e, hz, box, out))
		return 0;
	if (module_mode() == ENGINE_MODULE)
		return -ENODEV;
	log_info("without the module: %s", e->why);
	return event_set_open(e->loop, hz, NULL, 0, ring_ready, e, out);
}

static int set_get(struct engine *e, unsigned int hz, bool box, struct event_set **out)
{
	struct event_set *s;
	unsigned int n = 0;
	int err;

	for (s = e->sets; s && (s->hz != hz || !serves(s, box)); s = s->next)
		n++;
	if (!s && n >= SETS_MAX)
		s = nearest_set(e, hz, box);
	if (!s && n >= SETS_MAX)
		return -EBUSY;
	if (!s) {
		err = open_set(e, hz, box, &s);
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
		if (p && c->set->module)
			follow_process(&e->follow, p);
		arm_member(e, c, c->members[i]);
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
		err = event_set_open(e->loop, 0, NULL, 0, ring_ready, e, &e->side);
	if (!err)
		err = set_get(e, c->hz, c->target.kind == TARGET_BOX, &c->set);
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
	c->engine = c->set->module ? KPPROF_ENGINE_MODULE : KPPROF_ENGINE_PERF;
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

const char *engine_why(const struct engine *e)
{
	return e->why;
}

void engine_each_capture(struct engine *e, void (*fn)(void *ctx, const struct cpu_capture *c),
			 void *ctx)
{
	for (const struct cpu_capture *c = e->captures; c; c = c->next)
		fn(ctx, c);
}
