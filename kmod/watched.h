/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The threads that are watched: when each was switched out, and what it has to tell on its way back
 * to user space. Found by the address of their task in the scheduler's probes, without a lock;
 * added and removed in tasks.
 *
 * Each entry has one owner: the table while the thread is in it; its task work from the moment that
 * it was taken out with that work on its way; then a grace period.
 */
#ifndef KPPROF_WATCHED_H
#define KPPROF_WATCHED_H

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/types.h>

#include "pick.h"

/* Threads that are watched at the same time. */
#define KPPROF_WATCHED_MAX 65536u

/* What a thread has to tell, of which kind. */
enum kpprof_slot {
	KPPROF_SLOT_WAIT,      /* it slept, and was woken */
	KPPROF_SLOT_PREEMPTED, /* it could run all the time */
	KPPROF_SLOT_RELEASE,   /* it let others go */
	KPPROF_SLOTS_N
};

/**
 * struct kpprof_pending - waits of one kind that are over and were not told yet
 * @begin: CLOCK_MONOTONIC nanoseconds, of the first
 * @ns: scaled time
 * @count: scaled count, in units of 1 / KPPROF_COUNT_ONE; 0 for none
 * @raw: measured time
 * @queued: of @ns, waiting for a CPU
 * @weight: RELEASE: what the last one counts, in the same units
 * @tid: RELEASE: thread that was woken
 * @wait_op: RELEASE: how it waited
 * @wait_val: RELEASE: the same
 * @wait_addr: RELEASE: on which word
 * @flags: KPPROF_SCHED_*
 */
struct kpprof_pending {
	u64 begin;
	u64 ns;
	u64 count;
	u64 raw;
	u64 queued;
	u64 weight;
	s32 tid;
	u32 wait_op;
	u32 wait_val;
	u64 wait_addr;
	u32 flags;
};

/**
 * struct kpprof_watched - a thread that is watched
 * @node: in the table
 * @task: one reference, given back after a grace period
 * @out: stamp of when it was switched out; 0 while it runs
 * @woken: stamp of when it could run again, 0 while it cannot
 * @pick: which of its waits are told of
 * @what: enum kpprof_watch bits
 * @arms: watches
 * @runnable: was switched out without going to sleep
 * @uninterruptible: sleeps so that no signal wakes it
 * @stopped: by a signal, or a debugger
 * @word: futex word that it sleeps on, as futex.h names it; 0 for none
 * @word_mm: whose; only compared
 * @word_since: since when
 * @word_addr: its address as it is
 * @word_op: the operation
 * @word_val: the value that it waits for to go
 * @word_on_stack: the word is in the frame of the function that waits
 * @released: word of its last release
 * @released_at: when
 * @queued: enum in watched.c: whether @work is on its way, and who frees the entry
 * @work: tells @pending
 * @gone: next one that was taken out of the table
 * @rcu: its end
 * @pending: written with interrupts off, by the thread itself or while it is switched in
 *
 * The times are written by the scheduler's probes, which the locks of the scheduler put in order.
 */
struct kpprof_watched {
	struct hlist_node node;
	struct task_struct *task;
	u64 out;
	u64 woken;
	struct kpprof_pick pick;
	u8 what;
	u8 arms;
	bool runnable;
	bool uninterruptible;
	bool stopped;
	bool word_on_stack;
	u32 word_op;
	u32 word_val;
	u64 word_addr;
	u64 word;
	struct mm_struct *word_mm;
	u64 word_since;
	u64 released;
	u64 released_at;
	atomic_t queued;
	struct callback_head work;
	struct kpprof_pending pending[KPPROF_SLOTS_N];
	union {
		struct kpprof_watched *gone;
		struct rcu_head rcu;
	};
};

#define KPPROF_WATCHED_BITS 12
extern struct hlist_head kpprof_watched_table[1 << KPPROF_WATCHED_BITS];

/** kpprof_watched_find() - NULL for one that is not watched. Context: any, as an RCU reader */
static inline struct kpprof_watched *kpprof_watched_find(const struct task_struct *task)
{
	struct kpprof_watched *t;

	hlist_for_each_entry_rcu(t, &kpprof_watched_table[hash_ptr(task, KPPROF_WATCHED_BITS)],
				 node) if (t->task == task) return t;
	return NULL;
}

/**
 * kpprof_watched_init() - room for entries
 * @tell: called in the thread itself, before it returns to user space or when it exits, after
 *	kpprof_watched_queue(); preemptible
 *
 * Context: task. Return: 0 or -ENOMEM.
 */
int kpprof_watched_init(void (*tell)(struct kpprof_watched *t));

/** kpprof_watched_deinit() - wait until no code of an entry can run. Context: task */
void kpprof_watched_deinit(void);

/**
 * kpprof_watched_queue() - have a thread tell its pending waits
 *
 * Context: the thread itself, or the probe that switches it in, under the run queue's lock;
 * interrupts off.
 */
void kpprof_watched_queue(struct kpprof_watched *t);

/**
 * kpprof_watched_add() - watch a thread; nothing is done for one that is watched or exits
 * @task: an RCU reader's
 * @now: stamp: it is taken to be switched out since then, until it is seen to run
 *
 * Context: task, under rcu_read_lock(). Return: 0; -ENOMEM, which is counted.
 */
int kpprof_watched_add(struct task_struct *task, u64 now);

/** kpprof_watched_exit() - the current thread exits. Context: task, under rcu_read_lock() */
void kpprof_watched_exit(struct task_struct *task);

/**
 * kpprof_watched_review() - ask of each thread how it is to be watched, and forget those that are
 * not
 *
 * Context: task, may sleep. kpprof_lock held.
 */
void kpprof_watched_review(void);

/** kpprof_watched_count() - how many are watched. Context: any */
u32 kpprof_watched_count(void);

/** kpprof_watched_each() - as kpprof_targets_each() */
unsigned long kpprof_watched_each(unsigned long from,
				  int (*fn)(const struct kpprof_watched *t, void *ctx), void *ctx);

#endif /* KPPROF_WATCHED_H */
