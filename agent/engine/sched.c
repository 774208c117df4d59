// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../image/store.h"

/* What each set of events is for: WATCH_ bits, and who reads it. */
static const struct {
	unsigned int what;
	void (*handle)(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
} uses[SCHED_SETS] = {
	[SCHED_TIMES] = {WATCH_BLOCK | WATCH_MUTEX, sched_handle_times},
	[SCHED_STACKS] = {WATCH_BLOCK | WATCH_MUTEX, sched_handle_stacks},
	[SCHED_WAKERS] = {WATCH_MUTEX, sched_handle_wakers},
	[SCHED_FORKS] = {WATCH_CREATE, sched_handle_forks},
	/* Closed where it is not needed: see second_source(). */
	[SCHED_CPUS] = {WATCH_BLOCK | WATCH_MUTEX, sched_handle_cpus},
};

bool sched_uses(const struct sched *s, unsigned int what)
{
	for (const struct wait_watch *w = s->engine->watches; w; w = w->next)
		if (w->backend == &wait_backend_perf && w->what & what)
			return true;
	return false;
}

enum {
	KALLSYMS_BUFFER = 64 << 10,
	/* Switches that may be missing without a record having been lost. */
	MISSED_MAX = 4,
};

/* So long the second source of switches is read before it is given up as not needed. */
#define PROVE_NS (5 * NSEC_PER_SEC)

/* A step of restraint has so long to show what it does, and one of it is taken back after so long
 * without an overflow. */
#define RESTRAIN_NS (200 * NSEC_PER_MSEC)
#define RELAX_NS    (20 * NSEC_PER_SEC)

static void drop(void *ctx, void *sample)
{
	(void)ctx;
	held_free(sample);
}

static void read_kinds(struct sched *s)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	int err;

	/* It is 5 MB of text. */
	if (f)
		setvbuf(f, NULL, _IOFBF, KALLSYMS_BUFFER);
	err = f ? wait_kinds_read(&s->kinds, f) : -errno;
	if (err)
		log_info("kernel functions are hidden, waits are of no kind: %s", strerror(-err));
}

static int create(struct engine *e, struct sched **out)
{
	struct sched *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->engine = e;
	s->table.over = sched_over;
	s->table.drop = drop;
	s->table.ctx = s;
	err = sched_events_find(&s->events);
	if (err) {
		snprintf(e->why, sizeof(e->why), "the kernel's trace events: %s", strerror(-err));
		free(s);
		return err;
	}
	read_kinds(s);
	sched_pids_start(s);
	*out = s;
	return 0;
}

static void destroy(struct sched *s)
{
	log_debug("switches that nobody told of: %llu to a CPU, %llu from one",
		  (unsigned long long)s->table.in_missed, (unsigned long long)s->table.out_missed);
	for (enum sched_set set = 0; set < SCHED_SETS; set++)
		sched_events_close(&s->events, s->engine, set);
	sched_table_deinit(&s->table);
	futexes_deinit(&s->futexes);
	wait_kinds_deinit(&s->kinds);
	free(s);
}

static void close_unused(struct sched *s)
{
	for (enum sched_set set = 0; set < SCHED_SETS; set++)
		if (!sched_uses(s, uses[set].what))
			sched_events_close(&s->events, s->engine, set);
}

static int open_needed(struct sched *s)
{
	int err = 0;

	for (enum sched_set set = 0; set < SCHED_SETS && !err; set++)
		if (!s->events.sets[set] && sched_uses(s, uses[set].what))
			err = sched_events_open(&s->events, s->engine, set, &s->ranges,
						uses[set].handle, s);
	return err;
}

static void stop(struct engine *e, struct wait_watch *w)
{
	struct sched *s = e->sched;

	sched_drop_dumps(s, w);
	/* It is not in the list any more. */
	close_unused(s);
	if (--s->users)
		return;
	e->sched = NULL;
	destroy(s);
}

/*
 * The threads are looked for twice: before the events are there, so that their filters know them,
 * and afterwards, for what each was doing then.
 */
static int hook(struct sched *s, struct wait_watch *w)
{
	int err = 0;

	s->began = loop_now();
	sched_scan(s, w);
	sched_ranges(s, &s->ranges);
	if (s->users > 1)
		err = sched_events_filter(&s->events, &s->ranges);
	if (!err)
		err = open_needed(s);
	if (err)
		return err;
	s->began = w->started = loop_now();
	sched_scan(s, w);
	if (w->what & (WATCH_BLOCK | WATCH_MUTEX))
		sched_look(s, w);
	return 0;
}

static int start(struct engine *e, struct wait_watch *w)
{
	struct sched *s = e->sched;
	int err = s ? 0 : create(e, &s);

	if (err)
		return err;
	e->sched = s;
	s->users++;
	err = hook(s, w);
	if (err) {
		w->what = 0;
		stop(e, w);
	}
	return err;
}

static void lost(struct engine *e)
{
	struct sched *s = e->sched;

	/* The second source of switches only says again what is known. */
	for (enum sched_set set = 0; s && set < SCHED_SETS; set++)
		if (s->events.sets[set] && set != SCHED_CPUS)
			sched_lost(s, set, event_set_untold(s->events.sets[set]));
}

struct opening {
	struct sched *sched;
	struct wait_watch *watch;
	struct wait_flush *flush;
	uint64_t now;
};

static void open_one(void *ctx, struct sched_thread *t)
{
	const struct opening *o = ctx;
	struct held *h;

	if (!t->off || t->since >= o->now || !members_has(&o->watch->members, t->pid))
		return;
	h = sched_hold_open(o->sched, t, o->now);
	if (h)
		waits_open(o->sched->engine, o->watch, o->flush, h);
}

static void open_waits(struct engine *e, struct wait_watch *w, uint64_t now, struct wait_flush *f)
{
	struct opening o = {.sched = e->sched, .watch = w, .flush = f, .now = now};

	if (w->what & WATCH_BLOCK)
		sched_each(&o.sched->table, open_one, &o);
}

static bool is_watched(const struct engine *e, pid_t pid)
{
	for (const struct wait_watch *w = e->watches; w; w = w->next)
		if (w->backend == &wait_backend_perf && members_has(&w->members, pid))
			return true;
	return false;
}

static void on_fork(struct engine *e, const struct record *r)
{
	struct sched *s = e->sched;

	if (!s)
		return;
	if (!is_watched(e, r->pid)) {
		sched_remove(&s->table, r->tid);
		return;
	}
	sched_add(&s->table, r->pid, r->tid);
	/* Its number was in use before, by a thread that did not matter. */
	if (!tid_ranges_has(&s->ranges, r->tid))
		s->refilter = true;
}

static void on_exit_record(struct engine *e, const struct record *r)
{
	if (e->sched)
		sched_remove(&e->sched->table, r->tid);
}

/* Less when a ring overflows; more again when it has not for a while. */
static void restrain(struct sched *s, enum sched_set set)
{
	uint64_t now = loop_now(), since = now - s->restrained_at[set];
	bool less = s->overflowed[set];
	unsigned int every;
	uint32_t bytes;

	if (!s->events.sets[set] || since < (less ? RESTRAIN_NS : RELAX_NS))
		return;
	s->overflowed[set] = false;
	s->restrained_at[set] = now;
	if (sched_events_restrain(&s->events, set, &s->ranges, less))
		return;
	bytes = sched_events_copies(&s->events, set, &every);
	log_info("copies of stacks: %u bytes, one in %u, from now on", bytes, every);
}

/*
 * There are kernels (6.18 in a virtual machine) whose sched_switch is sometimes not told when an
 * idle CPU takes up a thread. perf's own records of switches are; but they cannot be filtered, so
 * this second source is closed when it has told nothing that was not known, and opened again for
 * good when switches are seen to be missing.
 */
static void second_source(struct sched *s)
{
	if (!sched_uses(s, WATCH_BLOCK | WATCH_MUTEX))
		return;
	if (s->events.sets[SCHED_CPUS]) {
		if (!s->only_second && loop_now() - s->began > PROVE_NS)
			sched_events_close(&s->events, s->engine, SCHED_CPUS);
		return;
	}
	if (s->lost || s->table.in_missed < MISSED_MAX)
		return;
	log_debug("switches are missing: all of every CPU are read");
	s->only_second = true;
	if (sched_events_open(&s->events, s->engine, SCHED_CPUS, &s->ranges, sched_handle_cpus, s))
		s->lost = 1;
}

static void on_read(struct engine *e, uint64_t until)
{
	struct sched *s = e->sched;

	if (!s)
		return;
	for (enum sched_set set = 0; set < SCHED_SETS; set++)
		restrain(s, set);
	second_source(s);
	sched_refilter(s, until);
}

static void joined(struct engine *e, pid_t pid)
{
	if (!e->sched)
		return;
	sched_scan_process(e->sched, pid);
	e->sched->refilter = true;
}

const struct wait_backend wait_backend_perf = {
	.engine = KPPROF_ENGINE_PERF,
	.start = start,
	.stop = stop,
	.lost = lost,
	.open = open_waits,
	.fork = on_fork,
	.exit = on_exit_record,
	.read = on_read,
	.joined = joined,
};
