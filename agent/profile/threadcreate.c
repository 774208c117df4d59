// SPDX-License-Identifier: GPL-2.0-or-later
#include "threadcreate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/find.h"
#include "frames.h"
#include "text.h"
#include "watched.h"

/* Threads that are alive and known at once; those over it are never seen to exit. */
enum { THREADS_MAX = 65536 };

/**
 * struct thread - a thread that is alive
 * @alive: where it counts
 * @exited: where it will count
 * @since: loop_now() when it was counted
 * @seen: its creation was; otherwise it was found in /proc
 */
struct thread {
	pid_t tid;
	pid_t pid;
	uint32_t alive;
	uint32_t exited;
	uint64_t since;
	bool seen;
};

/**
 * struct threadcreate - one armed profile
 * @threads: struct thread, by tid
 * @untracked: threads over THREADS_MAX
 * @started: those that were there at the beginning are in @threads
 */
struct threadcreate {
	struct watched w;
	struct buf threads;
	uint64_t untracked;
	bool started;
};

static const int64_t one[] = {1};

static size_t nthreads(const struct threadcreate *t)
{
	return t->threads.len / sizeof(struct thread);
}

/* Where @tid is, or belongs. */
static struct thread *slot_of(const struct threadcreate *t, pid_t tid)
{
	struct thread *all = (void *)t->threads.data;
	size_t lo = 0, hi = nthreads(t);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (all[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return all + lo;
}

static struct thread *find(const struct threadcreate *t, pid_t tid)
{
	struct thread *at = slot_of(t, tid), *end = (struct thread *)(void *)t->threads.data;

	end += nthreads(t);
	return at < end && at->tid == tid ? at : NULL;
}

static void insert(struct threadcreate *t, const struct thread *th)
{
	struct thread *at, *end;

	if (nthreads(t) >= THREADS_MAX || !buf_reserve(&t->threads, sizeof(*th))) {
		t->threads.error = 0;
		t->untracked++;
		return;
	}
	t->threads.len -= sizeof(*th);
	at = slot_of(t, th->tid);
	end = (struct thread *)(void *)t->threads.data + nthreads(t);
	memmove(at + 1, at, (size_t)(end - at) * sizeof(*at));
	*at = *th;
	t->threads.len += sizeof(*th);
}

static void erase(struct threadcreate *t, struct thread *th)
{
	struct thread *end = (struct thread *)(void *)t->threads.data + nthreads(t);

	memmove(th, th + 1, (size_t)(end - th - 1) * sizeof(*th));
	t->threads.len -= sizeof(*th);
}

static void exited(struct threadcreate *t, struct thread *th)
{
	cumulative_move(&t->w.c, th->alive, th->exited, one, th->since);
	erase(t, th);
}

/* ---- what the watch tells */

static struct profile_label state(struct cumulative *c, const char *text)
{
	return cumulative_label(c, "state", text);
}

static void on_create(void *ctx, const struct create_event *e)
{
	struct threadcreate *t = ctx;
	struct cumulative *c = &t->w.c;
	const struct profile_label alive = state(c, "alive"), gone = state(c, "exited");
	struct thread *known = find(t, e->tid);
	struct thread th = {
		.tid = e->tid,
		.pid = e->pid,
		.alive = cumulative_sample(c, e->pid, &e->stack, &alive, 1),
		.since = loop_now(),
		.seen = true,
	};

	/* The same stack again; it was tallied above. */
	th.exited = cumulative_sample(c, e->pid, &e->stack, &gone, 1);
	cumulative_weigh(c, &e->stack, 1);
	if (known && !known->seen) {
		/* It was found in /proc before this was read. */
		cumulative_move(c, known->alive, th.alive, one, known->since);
		th.since = known->since;
		*known = th;
		return;
	}
	if (known) /* the number is used again: its exit was lost */
		exited(t, known);
	cumulative_count(c, th.alive, (const double[]){1});
	insert(t, &th);
}

static void thread_exit(void *ctx, pid_t pid, pid_t tid)
{
	struct threadcreate *t = ctx;
	struct thread *th = find(t, tid);

	if (th)
		exited(t, th);
	watched_exit(ctx, pid, tid);
}

/* ---- what /proc tells */

/* Whether a thread that /proc lists is more than what is left of one that has exited. */
static bool is_running(pid_t tid)
{
	_cleanup_buf_ struct buf b = {0};
	const char *at;

	if (proc_read(tid, "stat", 4096, &b))
		return false;
	at = strrchr(b.data, ')');
	return at && at[1] == ' ' && at[2] != 'Z' && at[2] != 'X';
}

/* A thread that nobody saw created. */
static void add_found(struct threadcreate *t, pid_t pid, pid_t tid)
{
	const char *frame = t->started ? "[creator not seen]" : "[created before capture]";
	struct cumulative *c = &t->w.c;
	const struct profile_label alive = state(c, "alive"), gone = state(c, "exited");
	const struct thread th = {
		.tid = tid,
		.pid = pid,
		.alive = cumulative_synthetic(c, frame, &alive, 1),
		.exited = cumulative_synthetic(c, frame, &gone, 1),
		.since = loop_now(),
	};

	cumulative_count(c, th.alive, (const double[]){1});
	insert(t, &th);
}

static int by_number(const void *a, const void *b)
{
	return *(const pid_t *)a < *(const pid_t *)b ? -1 : *(const pid_t *)a > *(const pid_t *)b;
}

/* The target's processes, and those of threads that belong to it. */
static void find_all(const struct threadcreate *t, struct buf *pids)
{
	const struct thread *all = (const void *)t->threads.data;

	find_processes(&t->w.c.armed.spec.target, pids);
	for (size_t i = 0; i < nthreads(t); i++)
		buf_append(pids, &all[i].pid, sizeof(pid_t));
	if (pids->len)
		qsort(pids->data, pids->len / sizeof(pid_t), sizeof(pid_t), by_number);
}

/* Threads of which there is no trace are gone: the record was lost, or is on its way. */
static void drop_missing(struct threadcreate *t, const struct buf *tids)
{
	for (size_t i = nthreads(t); i-- > 0;) {
		struct thread *th = (struct thread *)(void *)t->threads.data + i;

		if (!bsearch(&th->tid, tids->data, tids->len / sizeof(pid_t), sizeof(pid_t),
			     by_number))
			exited(t, th);
	}
}

/* Compares with /proc: whatever was lost on the way, the total is the number of threads. */
static void reconcile(struct threadcreate *t)
{
	_cleanup_buf_ struct buf pids = {0}, tids = {0};
	const pid_t *p;

	find_all(t, &pids);
	p = (const void *)pids.data;
	for (size_t i = 0; i < pids.len / sizeof(*p); i++) {
		size_t from = tids.len / sizeof(*p);

		if (i && p[i] == p[i - 1])
			continue;
		find_tasks(p[i], &tids);
		for (; from < tids.len / sizeof(*p); from++) {
			pid_t tid = ((const pid_t *)(const void *)tids.data)[from];

			if (!find(t, tid) && is_running(tid))
				add_found(t, p[i], tid);
		}
	}
	t->started = true;
	if (buf_error(&tids) || buf_error(&pids) || !tids.len)
		return;
	qsort(tids.data, tids.len / sizeof(pid_t), sizeof(pid_t), by_number);
	drop_missing(t, &tids);
}

/* ---- the kind */

static void flushed(void *ctx)
{
	struct threadcreate *t = ctx;

	reconcile(t);
	cumulative_flushed(&t->w.c);
}

static int start(struct cumulative *c)
{
	struct threadcreate *t = (struct threadcreate *)c;
	int err;

	t->w.watch.what = WATCH_CREATE;
	t->w.watch.on_create = on_create;
	t->w.watch.on_exit = thread_exit;
	err = watched_start(&t->w);
	if (!err)
		reconcile(t);
	return err;
}

static int flush(struct cumulative *c)
{
	struct threadcreate *t = (struct threadcreate *)c;

	return wait_watch_flush(c->engine, &t->w.watch, NULL, flushed, t);
}

static void stop(struct cumulative *c)
{
	struct threadcreate *t = (struct threadcreate *)c;

	watched_stop(c);
	/* Nobody would tell of their exits any more; only a target that is gone has none left. */
	if (c->armed.exited)
		while (nthreads(t))
			exited(t, (struct thread *)(void *)t->threads.data);
	buf_deinit(&t->threads);
}

static void comment(const struct cumulative *c, struct profile *p)
{
	const struct threadcreate *t = (const struct threadcreate *)c;

	if (t->untracked)
		profile_comment(p, "threads over %d at once: %llu, alive for ever here",
				THREADS_MAX, (unsigned long long)t->untracked);
}

const struct cumulative_kind threadcreate_profile = {
	.armed = {.id = KPPROF_KIND_THREADCREATE, .name = "threadcreate", CUMULATIVE_ARMED},
	.size = sizeof(struct threadcreate),
	.types = {{"threadcreate", "count"}},
	.nvalues = 1,
	.period_type = {"threadcreate", "count"},
	.period = 1,
	.start = start,
	.flush = flush,
	.stop = stop,
	.alive = watched_alive,
	.cost = watched_cost,
	.comment = comment,
};

static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	(void)c;
	text_count(p, "threadcreate", out);
}

int64_t threadcreate_creator(const struct armed_list *l, pid_t pid, pid_t tid, struct places *to,
			     uint32_t *out)
{
	for (const struct armed *a = l->first; a; a = a->next) {
		const struct threadcreate *t = (const struct threadcreate *)a;
		const struct thread *th;
		const uint32_t *stack;
		size_t n;

		if (a->spec.kind != &threadcreate_profile.armed)
			continue;
		th = find(t, tid);
		if (!th || th->pid != pid || !th->seen)
			continue;
		stack = profile_stack(&t->w.c.profile, th->alive, &n);
		for (size_t i = 0; i < n; i++) {
			int64_t loc = places_copy(to, &t->w.c.places, stack[i]);

			if (loc < 0)
				return -ENOMEM;
			out[i] = (uint32_t)loc;
		}
		return (int64_t)n;
	}
	return 0;
}

void threadcreate_serve(struct armed_list *l, struct http_request *req, const struct target *target)
{
	const struct cumulative_view view = {
		.kind = &threadcreate_profile, .name = "threadcreate", .text = text};

	cumulative_serve(l, req, target, &view);
}
