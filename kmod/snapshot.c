// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task_stack.h>
#include <linux/smp.h>
#include <linux/spinlock.h>
#include <asm/syscall.h>

#include "snapshot.h"
#include "stack.h"
#include "stats.h"

/* Tries to meet a thread that goes on and off CPUs. Each waits for one interrupt at most. */
#define TRIES 8

/*
 * Pairs with the release in the scheduler's finish_task(): whoever sees a thread off its CPU sees
 * what it wrote there, and that its count of switches has grown.
 */
static bool is_running(struct task_struct *t)
{
#ifdef CONFIG_SMP
	return smp_load_acquire(&t->on_cpu);
#else
	return t == current;
#endif
}

static u64 generation(struct task_struct *t)
{
	return (u64)READ_ONCE(t->nvcsw) + READ_ONCE(t->nivcsw);
}

/*
 * When the thread came into the state it is in, in the clock of its run queue; 0 for not known.
 *
 * One that sleeps: the scheduler last looked at its run time when it left the CPU, and noted when.
 * That note is in the run queue's clock of tasks, which is the clock itself unless the kernel takes
 * interrupts and stolen time out of it.
 */
static u64 state_since(struct task_struct *t, char state, bool running)
{
#ifdef CONFIG_SCHED_INFO
	if (running)
		return t->sched_info.last_arrival;
	if (state == 'R')
		return t->sched_info.last_queued;
#else
	if (running || state == 'R')
		return 0;
#endif
#if defined(CONFIG_IRQ_TIME_ACCOUNTING) || defined(CONFIG_PARAVIRT_TIME_ACCOUNTING)
	return 0;
#else
	return t->se.exec_start;
#endif
}

static u64 state_ns(struct task_struct *t, char state, bool running)
{
	u64 since = state_since(t, state, running);
	u64 now = sched_clock_cpu(task_cpu(t));

	/* The clocks of two CPUs may be a little apart. */
	return since && now > since ? now - since : 0;
}

static void fill_state(struct task_struct *t, struct kpprof_snapshot *s, bool running)
{
	s->state = task_state_to_char(t);
	s->generation = generation(t);
	s->state_ns = state_ns(t, s->state, running);
	s->flags = running ? KPPROF_THREAD_RUNNING : 0;
	if (t->flags & PF_KTHREAD)
		s->flags |= KPPROF_THREAD_KERNEL;
	s->nstack = 0;
}

/* The registers with which the thread entered the kernel, which is where it is. */
static void fill_regs(struct task_struct *t, struct kpprof_snapshot *s)
{
	struct pt_regs *regs = task_pt_regs(t);
	unsigned long args[6];
	unsigned int i;

	/* A worker of the kernel's with a user's memory has none, nor has a program that execve(2)
	 * has not entered yet. */
	if (!user_mode(regs) || (!regs->ip && !regs->sp))
		return;
	s->flags |= KPPROF_THREAD_REGS;
	s->ip = regs->ip;
	kpprof_stack_dwarf(s->regs, regs);
	if (!user_64bit_mode(regs))
		s->flags |= KPPROF_THREAD_COMPAT;
	s->nr = syscall_get_nr(t, regs);
	if (s->nr < 0)
		return;
	s->flags |= KPPROF_THREAD_SYSCALL;
	if (syscall_get_arch(t) == AUDIT_ARCH_I386)
		s->flags |= KPPROF_THREAD_SYSCALL32;
	syscall_get_arguments(t, regs, args);
	for (i = 0; i < ARRAY_SIZE(args); i++)
		s->args[i] = args[i];
}

static bool has_user_regs(const struct task_struct *t)
{
	return !(t->flags & PF_KTHREAD) && !READ_ONCE(t->exit_state);
}

/*
 * A thread that is on no CPU; false when it got onto one meanwhile.
 *
 * Its kernel stack is freed when it is dead, and it becomes that under its pi_lock
 * (do_task_dead()), after exit_state was set: while the lock is held and exit_state is 0 the stack
 * is there. Wake-ups need the lock, too, so one that sleeps goes on sleeping. (put_task_stack() is
 * not exported.)
 */
static bool take_still(struct task_struct *t, struct kpprof_snapshot *s)
{
	unsigned long flags;
	bool still;

	raw_spin_lock_irqsave(&t->pi_lock, flags);
	fill_state(t, s, false);
	if (has_user_regs(t))
		fill_regs(t, s);
	smp_rmb();
	still = !is_running(t) && generation(t) == s->generation;
	raw_spin_unlock_irqrestore(&t->pi_lock, flags);
	return still;
}

struct catch
{
	struct task_struct *task;
	struct kpprof_snapshot *s;
	bool caught;
};

/* Context: the interrupt of another CPU's call, on top of whatever runs there. */
static void catch_current(void *info)
{
	struct catch *c = info;
	struct kpprof_snapshot *s = c->s;
	u64 from = sched_clock();

	if (current != c->task)
		return;
	fill_state(current, s, true);
	if (has_user_regs(current))
		fill_regs(current, s);
	if (s->flags & KPPROF_THREAD_REGS)
		s->nstack =
			kpprof_stack_read(s->regs[KPPROF_REG_SP], s->stack, ARRAY_SIZE(s->stack)) *
			sizeof(u64);
	c->caught = true;
	kpprof_count_add(busy_ns, sched_clock() - from);
}

/* A thread that runs; false when it left its CPU meanwhile. */
static bool take_running(struct task_struct *t, struct kpprof_snapshot *s)
{
	struct catch c = {.task = t, .s = s};

	return !smp_call_function_single(task_cpu(t), catch_current, &c, 1) && c.caught;
}

void kpprof_snapshot_take(struct task_struct *t, struct kpprof_snapshot *s)
{
	int i;

	for (i = 0; i < TRIES; i++)
		if (is_running(t) ? take_running(t, s) : take_still(t, s))
			return;
	fill_state(t, s, is_running(t));
	s->flags |= KPPROF_THREAD_MOVED;
}

void kpprof_snapshot_brief(struct task_struct *t, struct kpprof_snapshot *s)
{
	bool running = is_running(t);

	memset(s, 0, offsetof(struct kpprof_snapshot, stack));
	s->generation = generation(t);
	s->state = task_state_to_char(t);
	s->flags = running ? KPPROF_THREAD_RUNNING : 0;
}
