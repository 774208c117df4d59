// SPDX-License-Identifier: GPL-2.0-or-later
/* From what backends tell to the watches that want it. */
#include "../base/cleanup.h"
#include "../image/store.h"
#include "wait_rate.h"
#include "watch.h"

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static struct stack stack_for(const struct wait_watch *w, const struct stack *stack)
{
	struct stack s = *stack;

	if (!w->kernel)
		s.nkernel = 0;
	return s;
}

/* A wait is one in two parts: until it was woken, and then for a CPU. It is counted with the first,
 * and lasts from the beginning of the watch on. */
static void tell(const struct wait_watch *w, const struct wait_note *n, struct wait_event *we)
{
	uint64_t from = later(n->from, w->started), woken = later(n->woken, from);
	uint64_t to = later(n->to, woken);
	void (*fn)(void *ctx, const struct wait_event *event) = w->on_wait;
	void *ctx = w->ctx;
	double scale = n->scale > 0 ? n->scale : wait_scale(to - from, w->rate_ns);

	we->open = n->flush;
	if (n->flush) {
		scale = 1;
		fn = n->flush->open;
		ctx = n->flush->ctx;
	}
	we->count = n->count > 0 && !n->flush ? n->count : scale;
	if (n->kind != WAIT_RUNQUEUE) {
		we->kind = n->kind;
		we->ns = (double)(woken - from) * scale;
		fn(ctx, we);
		we->count = 0;
	}
	we->kind = WAIT_RUNQUEUE;
	we->ns = (double)(to - woken) * scale;
	if (to > woken)
		fn(ctx, we);
}

static void deliver_wait(struct held *h, const struct stack *stack)
{
	const struct wait_note *n = wait_note_of(h);
	const struct engine *e = h->owner;
	struct wait_event we = {
		.pid = h->record.pid,
		.tid = h->record.tid,
		.thread = h->thread,
	};

	for (struct wait_watch *w = e->watches; w; w = w->next) {
		if (!(h->watches & 1ull << w->slot))
			continue;
		we.stack = stack_for(w, stack);
		tell(w, n, &we);
		if (n->flush)
			n->flush->pending--;
		else
			w->held--;
	}
}

static void deliver_release(struct held *h, const struct stack *stack)
{
	const struct release_note *n = release_note_of(h);
	const struct engine *e = h->owner;
	struct release_event re = {
		.pid = h->record.pid,
		.tid = h->record.tid,
		.thread = h->thread,
		.kind = n->lock ? "mutex" : "signal",
		.count = n->count,
	};

	for (struct wait_watch *w = e->watches; w; w = w->next) {
		if (!(h->watches & 1ull << w->slot))
			continue;
		w->held--;
		re.ns = (double)n->ns[w->slot];
		re.stack = stack_for(w, stack);
		w->on_release(w->ctx, &re);
	}
}

static void deliver_create(struct held *h, const struct stack *stack)
{
	const struct create_note *n = create_note_of(h);
	const struct engine *e = h->owner;
	struct create_event ce = {.pid = h->record.pid, .tid = n->tid};

	for (struct wait_watch *w = e->watches; w; w = w->next) {
		if (!(h->watches & 1ull << w->slot))
			continue;
		w->held--;
		ce.stack = stack_for(w, stack);
		w->on_create(w->ctx, &ce);
	}
}

static void walk(struct engine *e, struct held *h)
{
	h->owner = e;
	if (!h->watches)
		held_free(h);
	else if (h->record.sample.walked)
		held_walked(h, true);
	else
		held_walk(&e->held, e->store, h);
}

/* Whether a wait is one of a watch at all. */
static bool concerns(const struct wait_watch *w, const struct wait_backend *b,
		     const struct wait_note *n, pid_t pid)
{
	return w->backend == b && w->what & WATCH_BLOCK && w->on_wait &&
	       n->to > later(n->from, w->started) && members_has(&w->members, pid);
}

static bool keeps(struct engine *e, const struct wait_watch *w, const struct wait_note *n)
{
	return wait_is_kept(&e->dice, n->to - later(n->from, w->started), w->rate_ns);
}

static void want(struct held *h, struct wait_watch *w)
{
	h->watches |= 1ull << w->slot;
	w->held++;
}

void waits_over(struct engine *e, const struct wait_backend *b, struct held *h)
{
	struct wait_note *n = wait_note_of(h);

	n->flush = NULL;
	h->deliver = deliver_wait;
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (concerns(w, b, n, h->record.pid) && keeps(e, w, n))
			want(h, w);
	walk(e, h);
}

void waits_kept(struct engine *e, const struct wait_backend *b, struct held *h)
{
	struct wait_note *n = wait_note_of(h);

	n->flush = NULL;
	h->deliver = deliver_wait;
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (concerns(w, b, n, h->record.pid))
			want(h, w);
	walk(e, h);
}

void waits_open(struct engine *e, struct wait_watch *w, struct wait_flush *f, struct held *h)
{
	wait_note_of(h)->flush = f;
	h->deliver = deliver_wait;
	h->watches = 1ull << w->slot;
	f->pending++;
	walk(e, h);
}

bool waits_release_wanted(const struct wait_watch *w, const struct wait_backend *b, pid_t pid)
{
	return w->backend == b && w->what & WATCH_MUTEX && w->on_release &&
	       members_has(&w->members, pid);
}

void waits_release(struct engine *e, const struct wait_backend *b, struct held *h)
{
	h->deliver = deliver_release;
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (waits_release_wanted(w, b, h->record.pid) && h->record.time >= w->started)
			want(h, w);
	walk(e, h);
}

void waits_create(struct engine *e, const struct wait_backend *b, struct held *h)
{
	h->deliver = deliver_create;
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (w->backend == b && w->what & WATCH_CREATE && w->on_create &&
		    h->record.time >= w->started && members_has(&w->members, h->record.pid))
			want(h, w);
	walk(e, h);
}
