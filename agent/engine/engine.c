// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What all that sample have in common. One set of per-CPU side events tells of mappings, forks,
 * execs and names while anybody reads; captures and watches add sets of their own. All rings
 * together are read in the order of time, so that a sample meets the mappings of its moment.
 */
#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/counters.h"
#include "../base/loop.h"
#include "../heap/allocator.h"
#include "../heap/watch.h"
#include "../image/store.h"
#include "core.h"
#include "kmod.h"
#include "watch.h"

/* CPUs that came online, and targets that are gone, are looked for so often. */
#define RESCAN_NS NSEC_PER_SEC
/* Rows are kept so long after their last use. */
#define LINGER_NS (2 * NSEC_PER_SEC)
/* Side records are small, and few but where threads live short. */
enum { RING_SIDE = 256 << 10, RING_SIDE_MAX = 1 << 20, RING_SIDE_TOTAL = 16 << 20 };

static void rows_ready(void *ctx, struct image *image);
static void drain(struct engine *e);

static void tick(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, tick));

	drain(e);
}

int engine_kmod_open(struct engine *e)
{
	int err = 0;

	if (!e->kmod)
		err = kmod_open(e->store, e->why, sizeof(e->why), &e->kmod);
	if (!err)
		e->follow.kmod = e->kmod;
	return err;
}

void engine_kmod_close(struct engine *e)
{
	follow_stop(&e->follow);
	e->follow.kmod = NULL;
	kmod_close(e->kmod);
	e->kmod = NULL;
}

void engine_kmod_unused(struct engine *e)
{
	if (e->kmod && kmod_is_idle(e->kmod))
		engine_kmod_close(e);
}

static void linger(struct loop_timer *t)
{
	struct engine *e = (struct engine *)((char *)t - offsetof(struct engine, linger));

	engine_kmod_close(e);
	allocators_forget(e);
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
	e->dice = loop_now() | 1;
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
	while (e->watches)
		wait_watch_stop(e, e->watches);
	held_clear(&e->held);
	if (e->processes)
		engine_kmod_close(e);
	allocators_forget(e);
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

const char *engine_why(const struct engine *e)
{
	return e->why;
}

static void rows_ready(void *ctx, struct image *image)
{
	struct engine *e = ctx;

	follow_rows(&e->follow);
	held_rows_ready(&e->held, e->store, image);
	if (e->readers)
		drain(e);
}

static void handle_fork(struct engine *e, const struct record *r)
{
	if (r->pid == r->task.ppid) {
		processes_thread_new(e->processes, r->task.ptid, r->tid);
		waits_fork(e, r);
		return;
	}
	/* The parent's mappings are the child's, and the child may be gone before its first sample
	 * is read. */
	if (captures_box(e) || waits_box(e))
		processes_load(e->processes, r->task.ppid);
	processes_fork(e->processes, r->task.ppid, r->pid);
	processes_thread_new(e->processes, r->task.ptid, r->tid);
	captures_fork(e, r->task.ppid, r->pid, r->time);
	waits_fork(e, r);
	heaps_fork(e, r->task.ppid, r->pid, r->time);
}

static void handle_comm(struct engine *e, const struct record *r)
{
	processes_comm(e->processes, r->tid, r->comm.name);
	if (r->comm.exec)
		processes_exec(e->processes, r->pid);
	if (r->comm.exec || r->pid == r->tid)
		heaps_comm(e, r->pid, r->comm.name, r->comm.exec);
	if (r->pid != r->tid)
		return;
	captures_comm(e, r->pid, r->comm.name);
	waits_comm(e, r->pid, r->comm.name);
}

static void handle_side(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct engine *e = owner;
	struct record r;

	(void)ring;
	if (record_parse(header, &r))
		return;
	switch (r.type) {
	case PERF_RECORD_MMAP2:
		processes_mmap(e->processes, r.pid, &r.mmap);
		follow_changed(&e->follow, processes_find(e->processes, r.pid));
		break;
	case PERF_RECORD_FORK:
		handle_fork(e, &r);
		break;
	case PERF_RECORD_EXIT:
		waits_exit(e, &r);
		processes_exit(e->processes, r.pid, r.tid);
		heaps_exit(e, r.pid);
		break;
	case PERF_RECORD_COMM:
		handle_comm(e, &r);
		break;
	case PERF_RECORD_LOST:
	case PERF_RECORD_LOST_SAMPLES:
		counter_add(COUNTER_LOST_SIDE, r.lost);
		captures_side_lost(e, r.lost);
		waits_side_lost(e, r.lost);
		heaps_side_lost(e, r.lost);
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

/* Counts and leaves behind the record that the ring is at. */
static void consume(const struct engine *e, struct cpu_ring *r)
{
	uint64_t from = r->ring.tail;

	ring_consume(&r->ring);
	counter_add(r->set == e->side ? COUNTER_READ_SIDE : COUNTER_READ_EVENTS,
		    r->ring.tail - from);
	ring_release(&r->ring);
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
		r->set->handle(r->set->owner, r, ring_peek(&r->ring));
		consume(e, r);
		look_ahead(r);
	}
}

static void rescan(struct engine *e)
{
	event_set_rescan(e->side);
	for (struct event_set *s = e->sets; s; s = s->next)
		event_set_rescan(s);
	captures_rescan(e);
	heaps_rescan(e);
}

static void drain(struct engine *e)
{
	uint64_t now = loop_now(), until = now - SETTLE_NS;

	if (!e->side)
		return;
	read_rings(e, until);
	captures_read(e, until);
	waits_read(e, until);
	heaps_read(e, until);
	if (e->readers && now >= e->next_rescan) {
		e->next_rescan = now + RESCAN_NS;
		rescan(e);
	}
	if (e->readers)
		engine_drain_in(e, TICK_NS);
}

void engine_drain_in(struct engine *e, uint64_t ns)
{
	if (!e->tick.set || e->tick.at > loop_now() + ns)
		loop_timer_set(e->loop, &e->tick, ns);
}

void engine_poll(struct engine *e)
{
	drain(e);
}

static void ring_ready(void *ctx)
{
	drain(ctx);
}

static int side_open(struct engine *e)
{
	struct event_spec spec = {
		.attr =
			{
				.type = PERF_TYPE_SOFTWARE,
				.config = PERF_COUNT_SW_DUMMY,
				.sample_type = RECORD_ID_TYPE,
				.mmap = 1,
				.mmap2 = 1,
				.comm = 1,
				.comm_exec = 1,
				.task = 1,
			},
	};
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size = RING_SIDE_MAX;
	int err;

	while (size > RING_SIDE && (long)size * ncpus > RING_SIDE_TOTAL)
		size /= 2;
	err = event_set_open(e->loop, &spec, 1, size, ring_ready, e, &e->side);
	if (err)
		return err;
	e->side->handle = handle_side;
	e->side->owner = e;
	return 0;
}

int engine_read_begin(struct engine *e)
{
	int err = e->side ? 0 : side_open(e);

	if (err)
		return err;
	if (!e->readers++)
		loop_timer_set(e->loop, &e->tick, TICK_NS);
	engine_use(e);
	return 0;
}

void engine_read_end(struct engine *e)
{
	if (!--e->readers) {
		loop_timer_clear(e->loop, &e->tick);
		event_set_close(e->side);
		e->side = NULL;
		follow_stop(&e->follow);
		processes_clear(e->processes);
	}
	engine_unuse(e);
}

int engine_set_open(struct engine *e, const struct event_spec *specs, unsigned int n,
		    size_t ring_bytes,
		    void (*handle)(void *owner, struct cpu_ring *r,
				   const struct perf_event_header *h),
		    void *owner, struct event_set **out)
{
	int err = event_set_open(e->loop, specs, n, ring_bytes, ring_ready, e, out);

	if (err)
		return err;
	(*out)->handle = handle;
	(*out)->owner = owner;
	(*out)->next = e->sets;
	e->sets = *out;
	return 0;
}

void engine_set_close(struct engine *e, struct event_set *set)
{
	struct event_set **at = &e->sets;

	if (!set)
		return;
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	event_set_close(set);
}
