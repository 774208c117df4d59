/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The scheduler's tracepoints that the module hooks: forks and exits while anything is armed,
 * switches and wake-ups while waits are watched.
 */
#ifndef KPPROF_PROBES_H
#define KPPROF_PROBES_H

#include <linux/types.h>

/** kpprof_probes_register() - follow forks and exits. Context: task, kpprof_lock held. 0 or -errno
 */
int kpprof_probes_register(void);

/**
 * kpprof_probes_unregister() - stop, and wait until no probe runs; nothing happens when none is
 * registered. Context: task, kpprof_lock held
 */
void kpprof_probes_unregister(void);

/**
 * kpprof_probes_sched() - see switches and wake-ups, or no longer; no such probe runs on return
 * then
 *
 * Context: task, kpprof_lock held. Return: 0 or -errno.
 */
int kpprof_probes_sched(bool on);

/** kpprof_probes_count() - probes that are registered now */
u32 kpprof_probes_count(void);

#endif /* KPPROF_PROBES_H */
