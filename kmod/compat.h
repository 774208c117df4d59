/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels from 5.10 to 7.2, and nothing else does: each entry says since
 * which version, and what changed.
 */
#ifndef KPPROF_COMPAT_H
#define KPPROF_COMPAT_H

#include <linux/version.h>

/*
 * 6.16: sched_process_exit has a second argument, whether the thread was the last of its group
 * ("sched/tracepoints: Move and extend the sched_process_exit() tracepoint").
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 16, 0)
#define KPPROF_EXIT_PROBE_ARGS void *data, struct task_struct *task, bool group_dead
#else
#define KPPROF_EXIT_PROBE_ARGS void *data, struct task_struct *task
#endif

/*
 * 6.1: commands from this one on refuse messages whose reserved header bits are set
 * ("genetlink: start to validate reserved header bytes").
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 1, 0)
#define KPPROF_RESV_START_OP(op) .resv_start_op = (op),
#else
#define KPPROF_RESV_START_OP(op)
#endif

#endif /* KPPROF_COMPAT_H */
