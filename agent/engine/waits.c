// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The watches: which there are, what they keep, and delivery. What happens comes from a backend
 * (watch.h), which tells it once whatever the number of watches.
 */
#include "waits.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../control/module.h"
#include "watch.h"

/* In the order of preference. */
static const struct wait_backend *const backends[] = {
	&wait_backend_module,
	&wait_backend_perf,
};

struct wait_watch *waits_in_slot(struct engine *e, unsigned int slot)
{
	struct wait_watch *w = e->watches;

	while (w && w->slot != slot)
		w = w->next;
	return w;
}

bool waits_box(const struct engine *e)
{
	const struct wait_watch *w = e->watches;

	while (w && w->target.kind != TARGET_BOX)
		w = w->next;
	return w;
}

void waits_fork(struct engine *e, const struct record *r)
{
	if (r->pid != r->task.ppid)
		for (struct wait_watch *w = e->watches; w; w = w->next)
			members_fork(&w->members, r->task.ppid, r->pid, r->time);
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->fork)
			backends[i]->fork(e, r);
}

void waits_exit(struct engine *e, const struct record *r)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->exit)
			backends[i]->exit(e, r);
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (w->on_exit && r->time >= w->started && members_has(&w->members, r->pid))
			w->on_exit(w->ctx, r->pid, r->tid);
}

void waits_comm(struct engine *e, pid_t pid, const char *name)
{
	for (struct wait_watch *w = e->watches; w; w = w->next) {
		bool was = members_has(&w->members, pid);

		members_exec(&w->members, pid, name);
		if (!was && members_has(&w->members, pid) && w->backend->joined)
			w->backend->joined(e, pid);
	}
}

void waits_side_lost(struct engine *e, uint64_t lost)
{
	for (struct wait_watch *w = e->watches; w; w = w->next)
		w->lost += lost;
}

static void flush_free(struct wait_flush *f)
{
	while (f->asked) {
		struct held *h = f->asked;

		f->asked = h->next;
		held_free(h);
	}
	free(f);
}

/* A flush is through when what was before it, and the waits that go on, are delivered. Returns
 * whether one was: its callback may have changed the list of watches. */
static bool flush_one(struct engine *e, struct wait_watch *w, uint64_t until)
{
	struct wait_flush *f = w->flushes;

	if (!f || f->at > until || (!f->begun && w->held))
		return false;
	if (!f->begun) {
		f->begun = true;
		w->backend->open(e, w, until, f);
	}
	if (f->pending)
		return false;
	w->flushes = f->next;
	f->end(f->ctx);
	flush_free(f);
	return true;
}

void waits_read(struct engine *e, uint64_t until)
{
	struct wait_watch *w = e->watches;

	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		if (backends[i]->read)
			backends[i]->read(e, until);
	while (w)
		w = flush_one(e, w, until) ? e->watches : w->next;
}

static int free_slot(struct engine *e, unsigned int *slot)
{
	for (*slot = 0; *slot < WATCHES_MAX; ++*slot)
		if (!waits_in_slot(e, *slot))
			return 0;
	return -EBUSY;
}

static int start_backend(struct engine *e, struct wait_watch *w)
{
	int err = -ENODEV;

	for (size_t i = 0; i < ARRAY_SIZE(backends) && err; i++) {
		if (module_mode() == ENGINE_MODULE && backends[i]->engine != KPPROF_ENGINE_MODULE)
			continue;
		w->backend = backends[i];
		w->engine = backends[i]->engine;
		w->started = loop_now();
		err = backends[i]->start(e, w);
	}
	return err;
}

static void count_lost(struct engine *e)
{
	for (size_t i = 0; i < ARRAY_SIZE(backends); i++)
		backends[i]->lost(e);
}

int wait_watch_start(struct engine *e, struct wait_watch *w)
{
	int err = free_slot(e, &w->slot);

	if (err)
		return err;
	w->lost = w->dropped = w->busy_ns = 0;
	w->budget = 0;
	w->rate_now = w->rate_most = w->rate_ns;
	w->priv = NULL;
	w->held = 0;
	w->flushes = NULL;
	err = members_find(&w->members, &w->target);
	if (!err)
		err = engine_read_begin(e);
	if (err) {
		members_deinit(&w->members);
		return err;
	}
	/* Those of before are the others'. */
	count_lost(e);
	/* The backend may look for its watch. */
	w->next = e->watches;
	e->watches = w;
	err = start_backend(e, w);
	if (err) {
		e->watches = w->next;
		members_deinit(&w->members);
		engine_read_end(e);
	}
	return err;
}

int wait_watch_flush(struct engine *e, struct wait_watch *w,
		     void (*open)(void *ctx, const struct wait_event *we), void (*end)(void *ctx),
		     void *ctx)
{
	struct wait_flush *f = calloc(1, sizeof(*f)), **at = &w->flushes;

	if (!f)
		return -ENOMEM;
	*f = (struct wait_flush){.at = loop_now(), .open = open, .end = end, .ctx = ctx};
	while (*at)
		at = &(*at)->next;
	*at = f;
	count_lost(e);
	if (w->backend->ask)
		w->backend->ask(e, w, f);
	engine_drain_in(e, SETTLE_NS + NSEC_PER_MSEC);
	return 0;
}

bool wait_watch_alive(const struct wait_watch *w)
{
	return members_alive(&w->members);
}

/* Held samples that are for this watch are not any more. */
static void forget(void *ctx, struct held *h)
{
	const struct wait_watch *w = ctx;

	h->watches &= ~(1ull << w->slot);
}

void wait_watch_stop(struct engine *e, struct wait_watch *w)
{
	struct wait_watch **at = &e->watches;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	held_each(&e->held, forget, w);
	w->backend->stop(e, w);
	while (w->flushes) {
		struct wait_flush *f = w->flushes;

		w->flushes = f->next;
		flush_free(f);
	}
	members_deinit(&w->members);
	engine_read_end(e);
}
