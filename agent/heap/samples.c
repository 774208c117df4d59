// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Samples become blocks. What is told of a sample may come in any order between its stack, which
 * waits for unwind rows, and the rest: a block keeps what is known.
 */
#include "samples.h"

#include <stddef.h>

#include "../base/counters.h"
#include "../base/loop.h"
#include "../engine/core.h"
#include "../image/store.h"
#include "allocator.h"
#include "module.h"
#include "perf.h"
#include "processes.h"
#include "watch.h"

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
		heap_perf_deeper(w);
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

void heap_watch_placed(struct heap_watch *w, struct block *b, uint64_t ptr)
{
	bool first = !(b->flags & BLOCK_PLACED);

	b->ptr = ptr;
	b->flags |= BLOCK_PLACED;
	if (first && b->flags & BLOCK_COUNTED && !(b->flags & BLOCK_FREED))
		tell_live(w, b, 1);
	settle(w, b);
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

void heap_watch_lost(struct heap_watch *w, uint64_t n)
{
	counter_add(COUNTER_LOST_HEAP, n);
	w->lost += n;
}

static void unfollow_one(void *ctx, struct block *b)
{
	heap_watch_freed(ctx, b);
}

void heap_watch_unfollow(struct heap_watch *w)
{
	blocks_each(&w->blocks, unfollow_one, w);
	w->on_governed(w->ctx);
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

void heap_samples_reconcile(struct heap_watch *w)
{
	if (w->reconciled == w->lost)
		return;
	w->reconciled = w->lost;
	if (w->module && heap_module_live(w->module, see, &w->blocks))
		return;
	blocks_each(&w->blocks, reconcile_one, w);
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

void heap_samples_leave(struct heap_watch *w, pid_t pid)
{
	struct leave l = {.watch = w, .pid = pid};

	blocks_each(&w->blocks, leave_one, &l);
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

void heap_samples_sweep(struct heap_watch *w, uint64_t now)
{
	struct sweep s = {.watch = w, .before = now - UNPLACED_NS};

	blocks_each(&w->blocks, sweep_one, &s);
}

static void forget(void *ctx, struct held *h)
{
	struct heap_held *extra = (struct heap_held *)h->extra;

	if (h->deliver == deliver && extra->watch == ctx)
		extra->watch = NULL;
}

void heap_samples_forget(struct heap_watch *w)
{
	held_each(&w->engine->held, forget, w);
}
