// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../image/store.h"
#include "../threads/dump.h"
#include "../threads/proc.h"
#include "find.h"
#include "sched.h"

enum {
	STAT_MAX = 1024,
	/* Records of other threads that are taken before the filters are made again. */
	STRAYS_MAX = 200,
};

/* And not more often than this: it is some system calls for each CPU. */
#define REFILTER_NS (250 * NSEC_PER_MSEC)

/**
 * struct sched_dump - a look at the threads of a watch
 */
struct sched_dump {
	struct sched_dump *next;
	struct sched *sched;
	const struct wait_watch *watch;
	struct dump *dump;
};

static void take_up(struct sched *s, pid_t pid, int task, pid_t tid)
{
	struct proc_stat stat;
	char text[STAT_MAX];

	if (proc_task_read(task, tid, "stat", text, sizeof(text)) < 0 ||
	    proc_stat_parse(text, &stat))
		return;
	if (strchr("ZXx", stat.state))
		return;
	sched_found(&s->table, pid, tid, stat.state != 'R', s->began);
	/* The threads that it makes are called the same at first, and may be gone when asked for.
	 */
	processes_thread(s->engine->processes, pid, tid);
}

/* The unwind rows of what it has mapped are there, then, when the first stack is walked. */
static void prefetch(struct sched *s, pid_t pid)
{
	struct process *p = processes_load(s->engine->processes, pid);

	for (uint32_t i = 0; p && p->maps && i < p->maps->n; i++)
		if (p->maps->images[i])
			image_want_rows(p->maps->images[i]);
}

void sched_scan_process(struct sched *s, pid_t pid)
{
	const struct dirent *d;
	char path[32];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((d = readdir(dir))) {
		char *end;
		long tid = strtol(d->d_name, &end, 10);

		if (tid > 0 && !*end)
			take_up(s, pid, dirfd(dir), (pid_t)tid);
	}
	closedir(dir);
}

/* What a look at a thread has found becomes the sample of the wait that it is in. */
static void attach(struct sched *s, const struct dump_thread *d)
{
	struct sched_thread *t = sched_find(&s->table, d->tid);
	struct record r = {.pid = d->pid, .tid = d->tid, .time = s->began};
	struct held *h;
	uint32_t what;

	if (!t || !t->fresh || !t->off || t->sample || !d->stack.process)
		return;
	what = wait_kinds_text(d->kernel);
	if (d->known && d->in_syscall && what & KFUNC_FUTEX_WAIT)
		sched_arrive(s, t, d->args, d->sp);
	r.sample.walked = true;
	r.sample.ips = (const unsigned char *)d->stack.user;
	r.sample.nips = d->stack.nuser;
	r.sample.end = (uint8_t)d->stack.end;
	r.sample.guesses = (uint8_t)d->stack.guesses;
	h = held_create(&r, d->stack.process, d->name, sizeof(struct wait_note));
	if (!h)
		return;
	wait_note_of(h)->kind = wait_kind(what, d->state == 'D');
	t->sample = h;
}

static void dumped(void *ctx, struct dump *dump)
{
	struct sched_dump *sd = ctx, **at = &sd->sched->dumps;
	const struct dump_thread *threads;
	size_t n;

	while (*at != sd)
		at = &(*at)->next;
	*at = sd->next;
	threads = dump_threads(dump, &n);
	for (size_t i = 0; i < n; i++)
		attach(sd->sched, &threads[i]);
	dump_free(dump);
	free(sd);
}

void sched_look(struct sched *s, const struct wait_watch *w)
{
	struct sched_dump *sd = calloc(1, sizeof(*sd));
	int err;

	if (!sd)
		return;
	sd->sched = s;
	sd->watch = w;
	err = dump_start(s->engine, &w->target, DUMP_KERNEL, dumped, sd, &sd->dump);
	if (err) {
		log_debug("threads that slept before: %s", strerror(-err));
		free(sd);
		return;
	}
	sd->next = s->dumps;
	s->dumps = sd;
}

void sched_scan(struct sched *s, const struct wait_watch *w)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *pid;

	if (find_processes(&w->target, &pids))
		return;
	pid = (const void *)pids.data;
	for (size_t i = 0; i < pids.len / sizeof(*pid); i++) {
		sched_scan_process(s, pid[i]);
		/* Those of a whole box as they are needed. */
		if (w->target.kind != TARGET_BOX)
			prefetch(s, pid[i]);
	}
}

void sched_drop_dumps(struct sched *s, const struct wait_watch *w)
{
	struct sched_dump **at = &s->dumps;

	while (*at) {
		struct sched_dump *sd = *at;

		if (sd->watch != w) {
			at = &sd->next;
			continue;
		}
		*at = sd->next;
		dump_cancel(sd->dump);
		free(sd);
	}
}

static void add_tid(void *ctx, struct sched_thread *t)
{
	buf_append(ctx, &t->tid, sizeof(t->tid));
}

void sched_ranges(struct sched *s, struct tid_ranges *out)
{
	_cleanup_buf_ struct buf tids = {0};
	pid_t newer = s->known_pid;

	/* Numbers that soon begin anew, or already have. */
	if (waits_box(s->engine) || s->pid_max - s->last_pid < s->pid_max / 4 ||
	    newer > s->last_pid)
		newer = 0;
	sched_each(&s->table, add_tid, &tids);
	if (buf_error(&tids))
		newer = 0;
	tid_ranges_make(out, (pid_t *)(void *)tids.data, newer ? tids.len / sizeof(pid_t) : 0,
			newer);
}

/* The newest number of all is the last field of /proc/loadavg. */
static pid_t newest_pid(void)
{
	_cleanup_buf_ struct buf b = {.max = 256};
	const char *at;

	if (buf_read_at(&b, AT_FDCWD, "/proc/loadavg"))
		return 0;
	buf_append(&b, "", 1);
	if (buf_error(&b))
		return 0;
	at = strrchr(b.data, ' ');
	return at ? (pid_t)strtol(at, NULL, 10) : 0;
}

static pid_t pid_max(void)
{
	_cleanup_buf_ struct buf b = {.max = 256};

	if (buf_read_at(&b, AT_FDCWD, "/proc/sys/kernel/pid_max"))
		return 0;
	buf_append(&b, "", 1);
	return buf_error(&b) ? 0 : (pid_t)strtol(b.data, NULL, 10);
}

void sched_pids_start(struct sched *s)
{
	s->pid_max = pid_max();
	s->last_pid = newest_pid();
	s->last_pid_at = loop_now();
	s->known_pid = s->last_pid;
}

void sched_refilter(struct sched *s, uint64_t until)
{
	struct tid_ranges ranges;
	int err;

	/* Forks up to that number are told by records that were read by now. */
	if (until < s->last_pid_at + TICK_NS)
		return;
	s->known_pid = s->last_pid;
	s->last_pid = newest_pid();
	s->last_pid_at = loop_now();
	if (loop_now() < s->refilter_at)
		return;
	sched_ranges(s, &ranges);
	/* Numbers that begin anew lose records; strays only cost. */
	if (!ranges.newer == !s->ranges.newer && !s->refilter && s->strays < STRAYS_MAX)
		return;
	s->refilter_at = loop_now() + REFILTER_NS;
	s->refilter = false;
	s->strays = 0;
	err = sched_events_filter(&s->events, &ranges);
	if (err)
		log_debug("filters of trace events: %s", strerror(-err));
	else
		s->ranges = ranges;
}
