/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the kernels from 5.10 to 7.2, and nothing else does: each entry says since
 * which version, and what changed.
 */
#ifndef KPPROF_COMPAT_H
#define KPPROF_COMPAT_H

#include <linux/err.h>
#include <linux/fs.h>
#include <linux/uprobes.h>
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
 * 5.18: sched_switch has a fourth argument, the state that the thread had
 * ("sched/tracing: Don't re-read p->state when emitting sched_switch event"). It is not looked at.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 18, 0)
#define KPPROF_SWITCH_PROBE_ARGS                                                      \
	void *data, bool preempt, struct task_struct *prev, struct task_struct *next, \
		unsigned int prev_state
#else
#define KPPROF_SWITCH_PROBE_ARGS \
	void *data, bool preempt, struct task_struct *prev, struct task_struct *next
#endif

/* 5.14: task_struct.state is called __state ("sched: Change task_struct::state"). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 14, 0)
#define kpprof_task_state(task) READ_ONCE((task)->__state)
#else
#define kpprof_task_state(task) READ_ONCE((task)->state)
#endif

/*
 * 6.12 only: task_work_add() may allocate for KASAN's records unless it is told not to ("kasan,
 * mm: task_work: TWAF_NO_ALLOC"). Before, the scheduler itself called it as it is; later it never
 * allocates.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0) && LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define KPPROF_TASK_WORK_NOTIFY (TWA_RESUME | TWAF_NO_ALLOC)
#else
#define KPPROF_TASK_WORK_NOTIFY TWA_RESUME
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

/*
 * 6.13: the handler of a uprobe has a third argument, shared with that of the return ("uprobe: Add
 * data pointer to consumer handlers"). It is not looked at.
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
#define KPPROF_UPROBE_HANDLER_ARGS struct uprobe_consumer *uc, struct pt_regs *regs, __u64 *data
#else
#define KPPROF_UPROBE_HANDLER_ARGS struct uprobe_consumer *uc, struct pt_regs *regs
#endif

/* 6.12: the filter of a uprobe is not told why it is asked ("uprobes: kill the unnecessary
 * uprobe_filter_ctx"). */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#define KPPROF_UPROBE_FILTER_ARGS struct uprobe_consumer *uc, struct mm_struct *mm
#else
#define KPPROF_UPROBE_FILTER_ARGS \
	struct uprobe_consumer *uc, enum uprobe_filter_ctx ctx, struct mm_struct *mm
#endif

/*
 * 6.12: uprobe_register() returns the uprobe, which is what is unregistered; that does not wait for
 * handlers, and uprobe_unregister_sync() does ("uprobes: split uprobe_unregister()").
 */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
static inline int kpprof_uprobe_register(struct inode *inode, loff_t offset,
					 struct uprobe_consumer *uc, struct uprobe **out)
{
	struct uprobe *u = uprobe_register(inode, offset, 0, uc);

	if (IS_ERR(u))
		return PTR_ERR(u);
	*out = u;
	return 0;
}

static inline void kpprof_uprobe_unregister(struct inode *inode, loff_t offset,
					    struct uprobe_consumer *uc, struct uprobe *u)
{
	uprobe_unregister_nosync(u, uc);
}

static inline void kpprof_uprobe_synchronize(void)
{
	uprobe_unregister_sync();
}
#else
static inline int kpprof_uprobe_register(struct inode *inode, loff_t offset,
					 struct uprobe_consumer *uc, struct uprobe **out)
{
	*out = NULL;
	return uprobe_register(inode, offset, uc);
}

static inline void kpprof_uprobe_unregister(struct inode *inode, loff_t offset,
					    struct uprobe_consumer *uc, struct uprobe *u)
{
	uprobe_unregister(inode, offset, uc);
}

static inline void kpprof_uprobe_synchronize(void)
{
}
#endif

#endif /* KPPROF_COMPAT_H */
