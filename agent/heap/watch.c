// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records of the filter's programs become blocks. What is told of a sample may come in any order
 * between its stack, which waits for unwind rows, and the rest: a block keeps what is known.
 */
#include "watch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/counters.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../control/module.h"
#include "../engine/clock.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "../image/store.h"
#include "allocator.h"
#include "cost.h"
#include "growth.h"
#include "module.h"
#include "probes.h"
#include "processes.h"

/*
 * The kernel keeps room in the ring for as much of a stack as was asked for, however short it is.
 * So little is asked for, until so many stacks turned out to be deeper.
 */
enum { RING_BYTES = 8 << 20, DUMP_BYTES = 12 << 10, DEEP_STACKS = 8 };

/* The events of a ring. */
enum { EVENT_STACK, EVENT_LIGHT, EVENT_DEEP, EVENTS };

/* A call that has not returned for so long failed, or never will. */
#define UNPLACED_NS (5 * NSEC_PER_SEC)

/* What a held sample is for. */
struct heap_held {
	struct heap_watch *watch; /* NULL when it was stopped */
	uint64_t seq;
};

static void tell_live(struct heap_watch *w, const struct block *b, double sign)
{
	w->on_live(w->ctx, b->handle, sign * b->count, b->size);
}

/* Forgets a block of which all that can happen has happened. */
static void settle(struct heap_watch *w, struct block *b)
{
	if (b->flags & BLOCK_INNER) {
		if (w->filter && !(b->flags & BLOCK_PLACED))
			return;
		if (w->filter)
			heap_filter_forget(w->filter, b->ptr, b->tgid, b->seq);
	} else if ((b->flags & (BLOCK_COUNTED | BLOCK_FREED)) != (BLOCK_COUNTED | BLOCK_FREED)) {
		return;
	}
	blocks_remove(&w->blocks, b);
}

/* The call came from one of the allocator's own functions: what that was called for counts. */
static bool is_inner(const struct heap_watch *w, pid_t pid, const struct stack *s)
{
	const struct heap_process *p = heap_process_find(w, pid);
	int64_t i;

	if (!p || !p->allocator || s->nuser < 2 || !s->maps)
		return false;
	i = maps_find(s->maps, s->user[1]);
	return i >= 0 && s->maps->images[i] &&
	       allocator_has(p->allocator, s->maps->images[i],
			     s->user[1] - s->maps->walk[i].start + s->maps->walk[i].offset);
}

static int connect_rings(struct heap_watch *w);

static void look_deeper(struct heap_watch *w)
{
	if (++w->deep == DEEP_STACKS)
		connect_rings(w);
}

static void deliver(struct held *h, const struct stack *stack)
{
	const struct heap_held *extra = (const struct heap_held *)h->extra;
	struct heap_watch *w = extra->watch;
	struct heap_event ev = {.pid = h->record.pid, .stack = *stack};
	struct block *b;

	if (!w)
		return;
	w->held--;
	if (stack->end == KPPROF_END_NOT_DUMPED && w->filter)
		look_deeper(w);
	b = blocks_find(&w->blocks, extra->seq);
	if (!b)
		return;
	if (is_inner(w, h->record.pid, stack)) {
		w->inner++;
		b->flags |= BLOCK_INNER;
		settle(w, b);
		return;
	}
	/* The allocator's own frame says nothing. */
	if (!w->growth && ev.stack.nuser > 1) {
		ev.stack.user++;
		ev.stack.nuser--;
	}
	ev.size = b->size;
	ev.count = b->count;
	b->handle = w->on_alloc(w->ctx, &ev);
	b->flags |= BLOCK_COUNTED;
	if (b->flags & BLOCK_PLACED && !(b->flags & BLOCK_FREED))
		tell_live(w, b, 1);
	settle(w, b);
}

void heap_watch_take(struct heap_watch *w, const struct record *r, struct block *b)
{
	struct process *p = processes_load(w->engine->processes, r->pid);
	struct heap_held *extra;
	struct held *h = p ? held_create(r, p, "", sizeof(*extra)) : NULL;
	bool believed;

	if (!h) {
		blocks_remove(&w->blocks, b);
		w->lost++;
		return;
	}
	b->pid = r->pid;
	b->time = r->time;
	extra = (struct heap_held *)h->extra;
	*extra = (struct heap_held){.watch = w, .seq = b->seq};
	h->deliver = deliver;
	w->held++;
	believed = !w->module || follow_sample(&w->engine->follow, p, &r->sample);
	if (r->sample.walked)
		held_walked(h, believed);
	else
		held_walk(&w->engine->held, w->engine->store, h);
}

struct block *heap_watch_new(struct heap_watch *w, uint64_t seq, uint64_t size)
{
	struct block *b = blocks_add(&w->blocks, seq);

	if (!b) {
		w->lost++;
		return NULL;
	}
	b->size = size;
	b->count = block_scale(size, w->rate);
	if (w->module)
		b->count *= w->duty.pace.scale;
	/* It is not followed: its end would be missed. */
	if (w->duty.governed)
		b->flags = BLOCK_FREED;
	return b;
}

static void sampled(struct heap_watch *w, const struct record *r, const struct heap_record *raw)
{
	struct block *b = heap_watch_new(w, raw->seq, raw->size);

	if (!b)
		return;
	b->tgid = raw->tgid;
	heap_watch_take(w, r, b);
}

void heap_watch_placed(struct heap_watch *w, struct block *b, uint64_t ptr)
{
	bool first = !(b->flags & BLOCK_PLACED);

	b->ptr = ptr;
	b->flags |= BLOCK_PLACED;
	if (first && b->flags & BLOCK_COUNTED && !(b->flags & BLOCK_FREED))
		tell_live(w, b, 1);
	settle(w, b);
}

static void placed(struct heap_watch *w, const struct heap_record *raw)
{
	struct block *b = blocks_find(&w->blocks, raw->seq);

	if (!b) {
		heap_filter_forget(w->filter, raw->ptr, raw->tgid, raw->seq);
		return;
	}
	heap_watch_placed(w, b, raw->ptr);
}

void heap_watch_freed(struct heap_watch *w, struct block *b)
{
	bool was_live = (b->flags & (BLOCK_COUNTED | BLOCK_PLACED | BLOCK_FREED)) ==
			(BLOCK_COUNTED | BLOCK_PLACED);

	b->flags |= BLOCK_FREED;
	if (was_live)
		tell_live(w, b, -1);
	settle(w, b);
}

static void handle_raw(struct heap_watch *w, const struct record *r)
{
	struct heap_record raw;
	struct block *b;

	if (r->sample.raw_len < sizeof(raw))
		return;
	memcpy(&raw, r->sample.raw, sizeof(raw));
	switch (raw.type) {
	case HEAP_SAMPLED:
		sampled(w, r, &raw);
		break;
	case HEAP_PLACED:
		placed(w, &raw);
		break;
	case HEAP_FREED:
		b = blocks_find(&w->blocks, raw.seq);
		if (b)
			heap_watch_freed(w, b);
		break;
	}
}

void heap_watch_lost(struct heap_watch *w, uint64_t n)
{
	counter_add(COUNTER_LOST_HEAP, n);
	w->lost += n;
}

static void count_lost(struct heap_watch *w)
{
	struct event_set *set = w->module ? heap_module_events(w->module) : w->set;

	if (set)
		heap_watch_lost(w, event_set_untold(set));
}

static void handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct heap_watch *w = owner;
	struct record r;

	if (record_parse_raw(header, &r))
		return;
	if (r.type == PERF_RECORD_SAMPLE)
		handle_raw(w, &r);
	else if (r.type == PERF_RECORD_LOST || r.type == PERF_RECORD_LOST_SAMPLES)
		heap_watch_lost(w, event_set_told(ring->set, r.lost));
}

/* Tells the programs which ring belongs to which CPU. */
static int connect_rings(struct heap_watch *w)
{
	int err = 0;

	w->nrings = 0;
	for (struct cpu_ring *r = w->set->rings; r && !err; r = r->next) {
		err = heap_filter_output(w->filter, r->cpu,
					 r->fds[w->deep < DEEP_STACKS ? EVENT_STACK : EVENT_DEEP],
					 r->fds[EVENT_LIGHT]);
		w->nrings++;
	}
	return err;
}

static int open_rings(struct heap_watch *w)
{
	const struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = RECORD_RAW_STACK_TYPE,
		.sample_regs_user = record_regs_mask,
		.sample_stack_user = dump_bytes_get(),
		.sample_period = 1,
	};
	struct event_spec specs[EVENTS] = {{.attr = attr}, {.attr = attr}, {.attr = attr}};
	struct perf_event_attr *light = &specs[EVENT_LIGHT].attr;
	int err;

	light->sample_type = RECORD_RAW_TYPE;
	light->sample_regs_user = light->sample_stack_user = 0;
	if (attr.sample_stack_user > DUMP_BYTES)
		specs[EVENT_STACK].attr.sample_stack_user = DUMP_BYTES;
	err = engine_set_open(w->engine, specs, ARRAY_SIZE(specs), RING_BYTES, handle, w, &w->set);
	return err ? err : connect_rings(w);
}

static void forget(void *ctx, struct held *h)
{
	struct heap_held *extra = (struct heap_held *)h->extra;

	if (h->deliver == deliver && extra->watch == ctx)
		extra->watch = NULL;
}

static void unlink_watch(struct engine *e, struct heap_watch *w)
{
	struct heap_watch **at = &e->heaps;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

void heap_watch_stop(struct engine *e, struct heap_watch *w)
{
	while (w->processes)
		heap_process_remove(w, w->processes);
	unlink_watch(e, w);
	held_each(&e->held, forget, w);
	engine_set_close(e, w->set);
	growth_close(w);
	heap_duty_stop(w);
	heap_module_close(w->module);
	w->module = NULL;
	heap_filter_destroy(w->filter);
	blocks_deinit(&w->blocks);
	members_deinit(&w->members);
	engine_read_end(e);
}

static int add_members(struct heap_watch *w)
{
	int err = 0, first = 0;
	size_t good = 0;

	for (size_t i = 0; i < w->members.n; i++) {
		/* Their mappings are followed from here on. */
		processes_load(w->engine->processes, w->members.pids[i]);
		err = w->growth ? 0 : heap_process_add(w, w->members.pids[i]);
		good += !err;
		first = first ? first : err;
	}
	return good ? 0 : first;
}

/* The module's heap arms; without them BPF programs on perf's events, unless that is not wanted. */
static int open_source(struct heap_watch *w)
{
	int err = heap_module_open(w->engine, w->rate, w, &w->module);

	if (!err || module_mode() == ENGINE_MODULE)
		return err ? -ENODEV : 0;
	snprintf(w->why, sizeof(w->why), "%s", engine_why(w->engine));
	err = heap_filter_create(w->rate, &w->filter);
	return err ? err : open_rings(w);
}

static void unfollow_one(void *ctx, struct block *b)
{
	heap_watch_freed(ctx, b);
}

/* Probes that are not always there miss the end of blocks. */
void heap_watch_unfollow(struct heap_watch *w)
{
	blocks_each(&w->blocks, unfollow_one, w);
	w->on_governed(w->ctx);
}

int heap_watch_start(struct engine *e, struct heap_watch *w)
{
	int err;

	w->engine = e;
	w->members = (struct members){0};
	w->blocks = (struct blocks){.max = 2 * HEAP_LIVE_MAX};
	w->last_at = loop_now();
	if (w->target.kind == TARGET_BOX && !w->growth)
		return -EINVAL;
	err = members_find(&w->members, &w->target);
	if (!err)
		err = engine_read_begin(e);
	if (err) {
		members_deinit(&w->members);
		return err;
	}
	w->next = e->heaps;
	e->heaps = w;
	err = w->growth ? growth_open(w) : open_source(w);
	if (!err)
		err = add_members(w);
	if (err)
		heap_watch_stop(e, w);
	else if (w->module)
		heap_duty_start(w);
	return err;
}

static void reconcile_one(void *ctx, struct block *b)
{
	struct heap_watch *w = ctx;

	bool live = b->flags & BLOCK_SEEN;

	b->flags &= ~(unsigned int)BLOCK_SEEN;
	if (!(b->flags & BLOCK_PLACED) || b->flags & (BLOCK_FREED | BLOCK_INNER))
		return;
	if (w->filter)
		live = heap_filter_has(w->filter, b->ptr, b->tgid, b->seq);
	if (!live)
		heap_watch_freed(w, b);
}

static void see(void *ctx, uint64_t seq)
{
	struct block *b = blocks_find(ctx, seq);

	if (b)
		b->flags |= BLOCK_SEEN;
}

/* Records were lost, frees among them perhaps: what is live is asked from the kernel. */
static void reconcile(struct heap_watch *w)
{
	if (w->reconciled == w->lost)
		return;
	w->reconciled = w->lost;
	if (w->module && heap_module_live(w->module, see, &w->blocks))
		return;
	blocks_each(&w->blocks, reconcile_one, w);
}

void heap_watch_flush(struct heap_watch *w, void (*flushed)(void *ctx))
{
	count_lost(w);
	if (w->growth)
		growth_check(w);
	else
		reconcile(w);
	w->flushed = flushed;
	w->flush_at = UINT64_MAX;
	if (!w->module || !heap_duty_round(w))
		heap_watch_round(w);
}

void heap_watch_round(struct heap_watch *w)
{
	if (!w->flushed || w->flush_at != UINT64_MAX)
		return;
	w->flush_at = loop_now();
	engine_drain_in(w->engine, SETTLE_NS + NSEC_PER_MSEC);
}

void heap_watch_counts(const struct heap_watch *w, struct heap_counts *out)
{
	*out = (struct heap_counts){0};
	if (w->module)
		heap_module_counts(w->module, out);
	else if (w->filter)
		heap_filter_counts(w->filter, out);
}

const char *heap_watch_describe(const struct heap_watch *w)
{
	for (const struct heap_process *p = w->processes; p; p = p->next)
		if (p->allocator)
			return allocator_describe(p->allocator);
	return "";
}

void heap_watch_probes(const struct heap_watch *w, unsigned int *n, unsigned int *stepped)
{
	*n = *stepped = 0;
	for (const struct heap_process *p = w->processes; p; p = p->next) {
		*n += p->probed.n;
		*stepped += p->probed.stepped;
		for (size_t i = 0; i < ALLOCATOR_PARTS; i++) {
			if (!p->probes[i])
				continue;
			*n += heap_probes_count(p->probes[i]);
			*stepped += heap_probes_stepped(p->probes[i]);
		}
	}
}

/* A child's memory is a copy of its parent's, and its allocations are its own from there on. */
void heaps_fork(struct engine *e, pid_t ppid, pid_t pid, uint64_t time)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next)
		if (w->target.kind == TARGET_COMM)
			members_fork(&w->members, ppid, pid, time);
}

struct leave {
	struct heap_watch *watch;
	pid_t pid;
};

static void leave_one(void *ctx, struct block *b)
{
	const struct leave *l = ctx;

	if (b->pid == l->pid)
		heap_watch_freed(l->watch, b);
}

/* The process has no memory any more. */
static void leave(struct heap_watch *w, pid_t pid)
{
	struct leave l = {.watch = w, .pid = pid};
	struct heap_process *p = heap_process_find(w, pid);

	blocks_each(&w->blocks, leave_one, &l);
	if (p)
		heap_process_remove(w, p);
}

void heaps_comm(struct engine *e, pid_t pid, const char *name, bool exec)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next) {
		members_exec(&w->members, pid, name);
		if (!exec || !heap_process_find(w, pid))
			continue;
		leave(w, pid);
		/* Another program, perhaps with another allocator: looked for at the next rescan.
		 */
	}
}

void heaps_exit(struct engine *e, pid_t pid)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next) {
		if (!members_has(&w->members, pid))
			continue;
		if (w->target.kind == TARGET_COMM && !process_alive(pid))
			leave(w, pid);
		if (w->on_exit)
			w->on_exit(w->ctx);
	}
}

void heaps_side_lost(struct engine *e, uint64_t lost)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next)
		w->side_lost += lost;
}

void heaps_read(struct engine *e, uint64_t until)
{
	struct heap_watch *w = e->heaps;

	while (w) {
		void (*flushed)(void *ctx) = w->flushed;

		if (!flushed || w->flush_at > until || w->held) {
			w = w->next;
			continue;
		}
		w->flushed = NULL;
		flushed(w->ctx);
		/* The callback may have started or ended others. */
		w = e->heaps;
	}
}

struct sweep {
	struct heap_watch *watch;
	uint64_t before;
};

static void sweep_one(void *ctx, struct block *b)
{
	const struct sweep *s = ctx;

	if (b->flags & BLOCK_PLACED || b->time > s->before)
		return;
	s->watch->unplaced += !(b->flags & BLOCK_INNER);
	blocks_remove(&s->watch->blocks, b);
}

static void check_cost(struct heap_watch *w, uint64_t now)
{
	struct heap_counts c;

	heap_watch_counts(w, &c);
	w->cost = heap_cost(&w->last, &c, now - w->last_at);
	w->last = c;
	w->last_at = now;
	if (w->force || w->cost < HEAP_COST_LIFT || w->lifted)
		return;
	w->lifted = now;
	log_warning("heap probes cost %.0f %% of a CPU and are taken out", 100 * w->cost);
	for (struct heap_process *p = w->processes; p; p = p->next)
		heap_process_lift(p);
}

static void rescan(struct heap_watch *w, uint64_t now)
{
	struct sweep s = {.watch = w, .before = now - UNPLACED_NS};
	unsigned int rings = 0;

	if (w->growth) {
		growth_check(w);
		return;
	}

	for (struct cpu_ring *r = w->filter ? w->set->rings : NULL; r; r = r->next)
		rings++;
	if (rings != w->nrings)
		connect_rings(w);
	blocks_each(&w->blocks, sweep_one, &s);
	/* The module's probes have their governor. */
	if (!w->module)
		check_cost(w, now);
	for (size_t i = 0; i < w->members.n && !w->lifted; i++)
		if (!heap_process_find(w, w->members.pids[i]) && process_alive(w->members.pids[i]))
			heap_process_add(w, w->members.pids[i]);
}

void heaps_rescan(struct engine *e)
{
	uint64_t now = loop_now();

	for (struct heap_watch *w = e->heaps; w; w = w->next)
		rescan(w, now);
}
