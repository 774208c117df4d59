/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waits from the scheduler's trace events, without the module: the inside of that backend. Times
 * come from small records of all switches and wake-ups, so that they are right even where stacks
 * were lost; stacks from copies that are taken when a thread leaves its CPU, kept while it is off
 * it, and walked when its wait is to be told.
 *
 * sched.c starts and stops it; sched_records.c handles the records; sched_threads.c finds the
 * threads that were there before, and keeps the kernel's filters to the threads that matter.
 */
#ifndef KPPROF_SCHED_H
#define KPPROF_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "futexes.h"
#include "sched_events.h"
#include "sched_table.h"
#include "wait_kind.h"
#include "watch.h"

struct sched_dump;

/* CPUs with a place of their own for what was last seen there. */
enum { SCHED_LAST_FORKS = 64 };

/**
 * struct sched - one for an engine, while it has watches
 * @events: the trace events
 * @table: the threads of all watches
 * @futexes: what they wait on
 * @kinds: kernel functions
 * @users: watches
 * @began: when the events of waits were there
 * @only_second: the second source has told of a switch that the first has not
 * @ranges: threads that the filters let through
 * @pid_max: where numbers begin anew
 * @last_pid: newest number of a thread, at the time @last_pid_at
 * @known_pid: threads up to this number are known, if they are of a watch
 * @refilter: threads are known that the filters may not let through
 * @refilter_at: not before this time
 * @last_fork: the last new thread of each CPU
 * @lost: records of switches that the rings had no room for
 * @overflowed: rings that had no room
 * @restrained_at: when that was last done something about
 * @strays: records of threads that are not known
 * @dumps: looks at threads that slept before
 */
struct sched {
	struct engine *engine;
	struct sched_events events;
	struct sched_table table;
	struct futexes futexes;
	struct wait_kinds kinds;
	unsigned int users;
	uint64_t began;
	bool only_second;
	struct tid_ranges ranges;
	pid_t pid_max;
	pid_t last_pid;
	uint64_t last_pid_at;
	pid_t known_pid;
	bool refilter;
	uint64_t refilter_at;
	pid_t last_fork[SCHED_LAST_FORKS];
	uint64_t lost;
	bool overflowed[SCHED_SETS];
	uint64_t restrained_at[SCHED_SETS];
	uint64_t strays;
	struct sched_dump *dumps;
};

/** sched_uses() - whether a watch of this backend wants any of these, WATCH_ bits */
bool sched_uses(const struct sched *s, unsigned int what);

/** sched_over() - callback of the table */
void sched_over(void *ctx, struct sched_thread *t, uint64_t woken, uint64_t to);

/** sched_hold_open() - the wait of a thread that is off the CPU, up to @now, for waits_open(); NULL
 * without memory */
struct held *sched_hold_open(struct sched *s, struct sched_thread *t, uint64_t now);

/** sched_arrive() - a thread has begun to wait in futex(2), with these three arguments */
void sched_arrive(struct sched *s, struct sched_thread *t, const uint64_t *args, uint64_t sp);

/** sched_lost() - @n more records of a set had no room: see event_set_told() */
void sched_lost(struct sched *s, enum sched_set set, uint64_t n);

/* Handlers of the records of each set. */
void sched_handle_times(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
void sched_handle_stacks(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
void sched_handle_wakers(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
void sched_handle_forks(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
void sched_handle_cpus(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);

/** sched_scan() - take up the threads that a watch's processes have now */
void sched_scan(struct sched *s, const struct wait_watch *w);

/** sched_look() - look at the stacks of those that sleep */
void sched_look(struct sched *s, const struct wait_watch *w);

/** sched_scan_process() - take up the threads of one process */
void sched_scan_process(struct sched *s, pid_t pid);

/** sched_drop_dumps() - stop looking, for one watch */
void sched_drop_dumps(struct sched *s, const struct wait_watch *w);

/** sched_pids_start() - before the first scan: threads that are made later have higher numbers */
void sched_pids_start(struct sched *s);

/** sched_ranges() - the threads that matter now, for filters */
void sched_ranges(struct sched *s, struct tid_ranges *out);

/** sched_refilter() - bring the filters up to date if that is needed; all records up to @until were
 * read */
void sched_refilter(struct sched *s, uint64_t until);

#endif /* KPPROF_SCHED_H */
