/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Watches: arms that look at how threads wait. Which threads are watched, for what and at which
 * rate, follows from the watches and from the arms of their process (target.h).
 *
 * Context: all functions sleep and are called with kpprof_lock held, but where they say otherwise.
 */
#ifndef KPPROF_WATCH_H
#define KPPROF_WATCH_H

#include <linux/types.h>

#include "../uapi/kpprof.h"

struct task_struct;

/**
 * struct kpprof_look - how a thread is watched
 * @rate: the lowest of its watches that look at waits, in nanoseconds
 * @what: enum kpprof_watch bits of all of them
 * @arms: bit i: watch i
 */
struct kpprof_look {
	u64 rate;
	u8 what;
	u8 arms;
};

/**
 * kpprof_look_at() - how a thread is to be watched
 * @look: out
 *
 * Context: any, under rcu_read_lock(). Return: whether it is at all.
 */
bool kpprof_look_at(const struct task_struct *task, struct kpprof_look *look);

/**
 * kpprof_watch_open() - make a watch, or change what it looks at. kpprof_watch_review() is to
 * follow
 * @id: less than KPPROF_ARMS_MAX
 * @what: enum kpprof_watch bits
 * @rate: nanoseconds
 *
 * Context: task, kpprof_lock held. Return: 0; -ENOMEM, and nothing has changed.
 */
int kpprof_watch_open(unsigned int id, u32 what, u64 rate);

/** kpprof_watch_box() - a watch that exists looks at all processes from now on */
void kpprof_watch_box(unsigned int id);

/** kpprof_watch_close() - end a watch. kpprof_watch_review() is to follow. -ENOENT */
int kpprof_watch_close(unsigned int id);

/**
 * kpprof_watch_review() - bring probes and threads into line with watches and targets
 *
 * Return: 0, or -errno when the scheduler's probes cannot be registered.
 */
int kpprof_watch_review(void);

/** kpprof_watch_exists() - whether there is such a watch */
bool kpprof_watch_exists(unsigned int id);

/** kpprof_watch_count() - watches. Context: any */
u32 kpprof_watch_count(void);

#endif /* KPPROF_WATCH_H */
