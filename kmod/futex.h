/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds up whom: for each futex word that watched threads sleep on, the time that all of them
 * have waited since it was released last. The thread that lets the next one go is charged with it.
 *
 * Context: the scheduler's probes, interrupts off, where they do not say otherwise. Takes one raw
 * spin lock, under which nothing else happens.
 */
#ifndef KPPROF_FUTEX_H
#define KPPROF_FUTEX_H

#include <linux/types.h>

struct kpprof_watched;
struct task_struct;

/* What the wake of a queued thread is. */
enum kpprof_wake {
	KPPROF_WAKE_NONE,    /* nobody's doing: a time limit, a signal, the end of a thread */
	KPPROF_WAKE_RELEASE, /* a release */
	KPPROF_WAKE_MORE,    /* one more that the last release of the same thread has let go */
};

/**
 * struct kpprof_charge - what a wake is charged with
 * @ns: time of all threads that were queued, each from its arrival or the release before; 0 for
 * MORE
 * @own: the woken thread's own, from its arrival
 * @begin: CLOCK_MONOTONIC nanoseconds of the release before, or when the first of them came
 */
struct kpprof_charge {
	u64 ns;
	u64 own;
	u64 begin;
};

/** kpprof_futex_start() - room for words; 0 or -ENOMEM. Context: task, kpprof_lock held */
int kpprof_futex_start(void);

/** kpprof_futex_stop() - give it back; no probe runs and no thread is watched. Context: task */
void kpprof_futex_stop(void);

/** kpprof_futex_sleep() - a thread goes to sleep; if it does so in futex(2), it is queued.
 * @task: current */
void kpprof_futex_sleep(struct kpprof_watched *t, struct task_struct *task, u64 now);

/**
 * kpprof_futex_wake() - a thread that is queued is woken
 * @waker: the current thread, if it does so in futex(2); else NULL
 * @charge: out, but for KPPROF_WAKE_NONE: what @waker has caused
 */
enum kpprof_wake kpprof_futex_wake(struct kpprof_watched *t, struct kpprof_watched *waker, u64 now,
				   struct kpprof_charge *charge);

/** kpprof_futex_wakes() - whether the current thread is in a futex(2) that wakes. Context: any */
bool kpprof_futex_wakes(void);

/** kpprof_futex_forget() - a thread is not watched any more. Context: any */
void kpprof_futex_forget(struct kpprof_watched *t);

#endif /* KPPROF_FUTEX_H */
