/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The engine of waits: what the scheduler's probes do. At switch-out the time is noted, at
 * switch-in the wait is known; the few that are picked are told by the thread itself on its way
 * back to user space, where its stack can be walked with no lock held.
 */
#ifndef KPPROF_SCHED_H
#define KPPROF_SCHED_H

#include <linux/types.h>

struct task_struct;

/** kpprof_sched_init() - Context: task. 0 or -ENOMEM */
int kpprof_sched_init(void);

/** kpprof_sched_deinit() - nothing is watched; waits for the last thread to be told of. Context:
 * task */
void kpprof_sched_deinit(void);

/**
 * kpprof_sched_start() - room for what is to be watched
 * @what: enum kpprof_watch bits
 *
 * Context: task, kpprof_lock held. Return: 0 or -ENOMEM.
 */
int kpprof_sched_start(u32 what);

/** kpprof_sched_stop() - no probe is registered and no thread watched. Context: as start */
void kpprof_sched_stop(void);

/**
 * kpprof_sched_switch() - @prev stops running, and @next begins
 * @preempt: @prev could go on
 *
 * Context: the scheduler, under the run queue's lock, interrupts off.
 */
void kpprof_sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next);

/** kpprof_sched_waking() - @task is about to be woken. Context: any; no lock may be taken */
void kpprof_sched_waking(struct task_struct *task);

/** kpprof_sched_fork() - the current thread made @child. Context: task, preemption off or on */
void kpprof_sched_fork(struct task_struct *child);

#endif /* KPPROF_SCHED_H */
