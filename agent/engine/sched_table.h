/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which threads are on a CPU and which wait, from the scheduler's records in the order of their
 * times. Any record may be missing: what cannot be known then is left out, and never guessed from
 * the next record that happens to come.
 */
#ifndef KPPROF_SCHED_TABLE_H
#define KPPROF_SCHED_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "futexes.h"

/* Threads that are known at the same time; more are not looked at. */
enum { SCHED_THREADS_MAX = 1 << 17 };

/* The states that sched_switch gives for the thread that leaves a CPU. */
enum {
	SCHED_STATE_STOPPED = 0x0c,
	SCHED_STATE_DISK = 0x02,
	SCHED_STATE_GONE = 0x30,
	SCHED_STATE_MASK = 0xff, /* without any of these: it could go on */
};

/**
 * struct sched_thread - a thread
 * @tid: it
 * @pid: its process
 * @off: it is off the CPU since @since; false: it is on one, or nothing is known
 * @runnable: it was preempted: it only waits for a CPU
 * @state: SCHED_STATE_ bits when it left the CPU
 * @fresh: nothing was told of it yet; if it is off the CPU it was before @since, when it was found
 * @told: by which sources its leaving the CPU was told, bits
 * @since: time of the last switch
 * @woken: when it was last woken since the last time it came to a CPU; 0 for never
 * @futex: what it waits on, if that is a futex; left when the wait is over
 * @sample: what the owner knows about this wait: dropped when it is over
 */
struct sched_thread {
	struct sched_thread *next;
	pid_t tid;
	pid_t pid;
	bool off;
	bool runnable;
	bool fresh;
	uint8_t told;
	uint8_t state;
	uint64_t since;
	uint64_t woken;
	struct futex_waiter futex;
	void *sample;
};

/**
 * struct sched_table - threads, by number; all zero but the callbacks is an empty one
 * @over: a thread's wait from @t->since to @to is over; from @woken on it only waited for a CPU.
 *	It takes @t->sample by making it NULL
 * @drop: @sample is not needed any more
 * @ctx: for both
 * @in_missed: threads that left a CPU without having come to it
 * @out_missed: threads that came to a CPU without having left it
 * @unwatched: threads over SCHED_THREADS_MAX
 */
struct sched_table {
	void (*over)(void *ctx, struct sched_thread *t, uint64_t woken, uint64_t to);
	void (*drop)(void *ctx, void *sample);
	void *ctx;
	struct sched_thread **buckets;
	size_t nbuckets;
	size_t n;
	uint64_t in_missed;
	uint64_t out_missed;
	uint64_t unwatched;
};

/** sched_table_deinit() - drop all threads */
void sched_table_deinit(struct sched_table *s);

/** sched_find() - a thread, or NULL */
struct sched_thread *sched_find(const struct sched_table *s, pid_t tid);

/**
 * sched_add() - a new thread; a number that is known already is another thread's from now on
 *
 * Return: the thread, of which nothing is known but its numbers; NULL without memory or room.
 */
struct sched_thread *sched_add(struct sched_table *s, pid_t pid, pid_t tid);

/**
 * sched_found() - a thread that was there before the records began; nothing if a record told of it
 * @off: it sleeps
 * @since: when the records began: from here on it waits, whatever it did before
 */
void sched_found(struct sched_table *s, pid_t pid, pid_t tid, bool off, uint64_t since);

/** sched_remove() - a thread is gone; NULL is allowed */
void sched_remove(struct sched_table *s, pid_t tid);

/**
 * sched_out() - a thread leaves its CPU
 * @time: ns
 * @state: of sched_switch
 * @source: one bit: who tells; the same switch may be told by several sources
 * @sample: the owner's, or NULL; the table's from here on
 */
void sched_out(struct sched_table *s, struct sched_thread *t, uint64_t time, uint64_t state,
	       unsigned int source, void *sample);

/** sched_in() - a thread comes to a CPU */
void sched_in(struct sched_table *s, struct sched_thread *t, uint64_t time);

/** sched_woken() - a thread is woken */
void sched_woken(struct sched_thread *t, uint64_t time);

/** sched_split() - when the time off the CPU of @t, which lasts until @to, became one of waiting
 * for a CPU alone; @to when it did not */
uint64_t sched_split(const struct sched_thread *t, uint64_t to);

/** sched_each() - call @fn for each thread; it may not add or remove any */
void sched_each(const struct sched_table *s, void (*fn)(void *ctx, struct sched_thread *t),
		void *ctx);

#endif /* KPPROF_SCHED_TABLE_H */
