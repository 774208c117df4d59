/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The processes that are looked at: which arms sample them, and the mappings to walk their stacks
 * with. Children follow their parent from fork(2) on, and a process is forgotten when it exits.
 *
 * The table is read under RCU, in the sampling interrupt among others, and changed under a spin
 * lock in tasks only.
 */
#ifndef KPPROF_TARGET_H
#define KPPROF_TARGET_H

#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/types.h>
#include <linux/workqueue.h>

struct kpprof_maps;
struct netlink_ext_ack;

/**
 * struct kpprof_space - mappings bound to an address space
 * @mm: only compared with current->mm; kept from being used again, not entered. A process that
 *	called execve(2) has another one, and its samples do not use these mappings.
 * @maps: one reference
 * @free: after a grace period, in a task
 */
struct kpprof_space {
	struct mm_struct *mm;
	struct kpprof_maps *maps;
	struct rcu_work free;
};

/**
 * struct kpprof_target - a process
 * @node: in the table
 * @tgid: its number in the initial PID namespace
 * @arms: bit i: arm i samples it
 * @inherited: came by fork(2), not by name
 * @space: NULL until mappings are sent
 */
struct kpprof_target {
	struct hlist_node node;
	pid_t tgid;
	u32 arms;
	bool inherited;
	struct kpprof_space __rcu *space;
	struct rcu_head rcu;
};

/* Processes that are followed at the same time. */
#define KPPROF_TARGETS_MAX 65536u

/** kpprof_process_lives() - whether a process has a thread that does not exit. Context: any */
bool kpprof_process_lives(pid_t tgid);

/** kpprof_process_mm() - its memory, to be given back by mmput(); NULL for none. Context: task */
struct mm_struct *kpprof_process_mm(pid_t tgid);

/** kpprof_target_find() - Context: any, under rcu_read_lock() */
struct kpprof_target *kpprof_target_find(pid_t tgid);

/**
 * kpprof_target_arm() - sample a process
 * @tgid: process; the caller looked it up, but it may exit any time
 * @arm: which arm
 *
 * Context: task, kpprof_lock held.
 * Return: 0; -ESRCH when it has exited; -ENOSPC over KPPROF_TARGETS_MAX; -ENOMEM.
 */
int kpprof_target_arm(pid_t tgid, unsigned int arm, struct netlink_ext_ack *extack);

/** kpprof_target_disarm() - no longer; its mappings stay. Context: task */
void kpprof_target_disarm(pid_t tgid, unsigned int arm);

/** kpprof_targets_disarm() - take an arm away from all processes. Context: task */
void kpprof_targets_disarm(unsigned int arm);

/**
 * kpprof_target_map() - give a process its mappings
 * @tgid: process
 * @maps: moved from when 0 is returned; else still the caller's
 *
 * Context: task, kpprof_lock held.
 * Return: 0; -ESRCH, -ESTALE, -ENOSPC, -ENOMEM, -EINTR; with a text.
 */
int kpprof_target_map(pid_t tgid, struct kpprof_maps *maps, struct netlink_ext_ack *extack);

/** kpprof_target_fork() - a child was made. Context: task, preemption off, no lock */
void kpprof_target_fork(struct task_struct *parent, struct task_struct *child);

/**
 * kpprof_target_exit() - the last thread of a process ends. Context: task, preemption off, no lock
 *
 * Return: the process was armed by name.
 */
bool kpprof_target_exit(struct task_struct *task);

/** kpprof_targets_clear() - forget all. Context: task */
void kpprof_targets_clear(void);

/** kpprof_target_count() - how many there are. Context: any */
u32 kpprof_target_count(void);

/**
 * kpprof_targets_each() - call @fn for each from the @from-th on, until it returns non-zero
 *
 * Context: task. @fn is called under rcu_read_lock().
 * Return: the number of the one that @fn refused, or of processes.
 */
unsigned long kpprof_targets_each(unsigned long from,
				  int (*fn)(const struct kpprof_target *t, void *ctx), void *ctx);

#endif /* KPPROF_TARGET_H */
