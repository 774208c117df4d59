// SPDX-License-Identifier: GPL-2.0-only
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/task_stack.h>
#include <linux/timekeeping.h>

#include "../uapi/kpprof.h"
#include "compat.h"
#include "futex.h"
#include "governor.h"
#include "sched.h"
#include "stack.h"
#include "stamp.h"
#include "stats.h"
#include "target.h"
#include "watched.h"
#include "trace.h"

/* Reading the clock costs as much as the rest of a probe: one in so many is timed, and stands for
 * all of them. */
#define TIMED_EVERY 64

/* Calls of the probes of one CPU. */
static DEFINE_PER_CPU(u32, hits);
/* Room for a walk in a thread's own context, on each CPU, while something is watched. */
static struct kpprof_stack __percpu *rooms;

static u64 scale(u64 ns, u64 weight)
{
	return mul_u64_u64_shr(ns, weight, ilog2(KPPROF_COUNT_ONE));
}

/*
 * Adds what took @ns, of which @queued waiting for a CPU, to what the thread has to tell. Context:
 * interrupts off, @t is current or being switched in.
 */
static struct kpprof_pending *add(struct kpprof_watched *t, enum kpprof_slot slot, u64 weight,
				  u64 begin, u64 ns, u64 queued)
{
	struct kpprof_pending *p = &t->pending[slot];

	if (!p->count)
		p->begin = begin;
	p->weight = weight;
	p->ns += scale(ns, weight);
	p->queued += scale(queued, weight);
	p->count += weight;
	p->raw += ns;
	kpprof_watched_queue(t);
	return p;
}

/* ---- switches */

/* Context: under the run queue's lock. */
static __always_inline void switch_out(struct kpprof_watched *t, struct task_struct *task,
				       bool preempt, u64 now)
{
	unsigned int state = kpprof_task_state(task);

	t->out = now;
	t->runnable = preempt || !state;
	t->uninterruptible = state & TASK_UNINTERRUPTIBLE;
	t->stopped = state & (__TASK_STOPPED | __TASK_TRACED);
	WRITE_ONCE(t->woken, 0);
	if (!t->runnable && t->what & KPPROF_WATCH_MUTEX)
		kpprof_futex_sleep(t, task, ktime_get_mono_fast_ns());
}

/* A wait that chance may have picked. Context: under the run queue's lock. */
static noinline void end_wait(struct kpprof_watched *t, struct task_struct *task, u64 out, u64 now)
{
	u64 woken = READ_ONCE(t->woken), took = now > out ? now - out : 0, ns;
	u64 weight = kpprof_pick_weight(&t->pick, took);
	struct kpprof_pending *p;

	if (!weight)
		return;
	ns = kpprof_stamp_ns(took);
	if (t->runnable) {
		add(t, KPPROF_SLOT_PREEMPTED, weight, ktime_get_mono_fast_ns() - ns, ns, ns);
		return;
	}
	/* Its time is not known when it was woken in the same moment in which it went to sleep. */
	if (woken < out || woken > now)
		woken = now;
	p = add(t, KPPROF_SLOT_WAIT, weight, ktime_get_mono_fast_ns() - ns, ns,
		kpprof_stamp_ns(now - woken));
	if (task->in_iowait)
		p->flags |= KPPROF_SCHED_IOWAIT;
	if (t->uninterruptible)
		p->flags |= KPPROF_SCHED_DEEP;
	if (t->stopped)
		p->flags |= KPPROF_SCHED_STOPPED;
}

/* Context: under the run queue's lock. */
static __always_inline void switch_in(struct kpprof_watched *t, struct task_struct *task, u64 now)
{
	u64 out = t->out;

	t->out = 0;
	/* Woken by what the probe of wake-ups did not see. */
	if (t->word)
		kpprof_futex_wake(t, NULL, ktime_get_mono_fast_ns(), NULL);
	if (!out || !(t->what & KPPROF_WATCH_BLOCK) || kpprof_pick_passes(&t->pick, now - out))
		return;
	end_wait(t, task, out, now);
}

/* Context: interrupts off. Whether this call of a probe is timed, and since when. */
static __always_inline u64 begin_hit(void)
{
	return this_cpu_inc_return(hits) % TIMED_EVERY ? 0 : sched_clock();
}

static noinline void count_hit(u64 from)
{
	kpprof_count_add(sched_busy_ns, (sched_clock() - from) * TIMED_EVERY);
}

static __always_inline void end_hit(u64 from)
{
	if (unlikely(from))
		count_hit(from);
}

void kpprof_sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next)
{
	u64 from = begin_hit(), now;
	struct kpprof_watched *out = kpprof_watched_find(prev), *in = kpprof_watched_find(next);

	if (out || in) {
		now = kpprof_stamp();
		if (out)
			switch_out(out, prev, preempt, now);
		if (in)
			switch_in(in, next, now);
	}
	end_hit(from);
}

/* ---- wake-ups */

static void note_waiter(struct kpprof_pending *p, const struct kpprof_watched *t)
{
	p->tid = t->task->pid;
	p->wait_op = t->word_op;
	p->wait_val = t->word_val;
	p->wait_addr = t->word_addr;
	if (t->word_on_stack)
		p->flags |= KPPROF_SCHED_ON_STACK;
}

/* Context: interrupts off; @t sleeps on a futex word. */
static noinline void wake_waiter(struct kpprof_watched *t)
{
	struct kpprof_watched *waker = NULL;
	struct kpprof_charge charge;
	struct kpprof_pending *p;
	u64 now = ktime_get_mono_fast_ns(), weight;

	if (kpprof_futex_wakes())
		waker = kpprof_watched_find(current);
	if (waker && !(waker->what & KPPROF_WATCH_MUTEX))
		waker = NULL;
	switch (kpprof_futex_wake(t, waker, now, &charge)) {
	case KPPROF_WAKE_NONE:
		break;
	case KPPROF_WAKE_RELEASE:
		weight = kpprof_pick_weight(&waker->pick, kpprof_stamps(charge.ns));
		if (weight)
			note_waiter(add(waker, KPPROF_SLOT_RELEASE, weight, charge.begin, charge.ns,
					charge.own),
				    t);
		break;
	case KPPROF_WAKE_MORE:
		p = &waker->pending[KPPROF_SLOT_RELEASE];
		if (!p->count)
			break;
		p->queued += scale(charge.own, p->weight);
		p->count += p->weight;
		break;
	}
}

/* Interrupts are off, or the thread is current and cannot be moved: that is an RCU reader. */
void kpprof_sched_waking(struct task_struct *task)
{
	u64 from = begin_hit();
	struct kpprof_watched *t = kpprof_watched_find(task);

	if (t) {
		if (!READ_ONCE(t->woken))
			WRITE_ONCE(t->woken, kpprof_stamp());
		if (smp_load_acquire(&t->word))
			wake_waiter(t);
	}
	end_hit(from);
}

/* ---- telling */

static void fill_call(struct kpprof_sched_event *e, struct pt_regs *regs)
{
	const u64 args[6] = {regs->di, regs->si, regs->dx, regs->r10, regs->r8, regs->r9};

	e->nr = -1;
	if (!user_mode(regs) || (long)regs->orig_ax < 0)
		return;
	e->nr = regs->orig_ax;
	memcpy(e->args, args, sizeof(e->args));
}

/* What tells a wait for a socket from one for a pipe: see struct kpprof_sched_record. */
static u32 mode_of(const struct kpprof_sched_event *e)
{
	struct file *file;
	u32 mode;

	/* A thread that exits has no files any more. */
	if (e->nr < 0 || e->args[0] > INT_MAX || !current->files)
		return 0;
	file = fget(e->args[0]);
	if (!file)
		return 0;
	mode = file_inode(file)->i_mode;
	fput(file);
	return mode;
}

/* Context: the thread, not to be moved. The event, and the stack behind it if the agent walks it.
 */
static void emit(struct kpprof_sched_event *e, struct kpprof_stack *room, struct pt_regs *regs,
		 struct kpprof_sample *s, bool agent_walks)
{
	if (agent_walks)
		e->flags |= KPPROF_SCHED_STACK;
	trace_kpprof_sched(regs, s, e);
	if (agent_walks)
		kpprof_stack_tell(room, regs, s);
	kpprof_count(sched_events);
}

static void emit_pending(const struct kpprof_watched *t, const struct kpprof_pending *pending,
			 struct kpprof_stack *room, struct pt_regs *regs)
{
	struct kpprof_sample s = {.context = KPPROF_CONTEXT_SCHED};
	bool agent_walks = kpprof_stack_take(room, kpprof_target_find(current->tgid), regs, &s);
	int i;

	for (i = 0; i < KPPROF_SLOTS_N; i++) {
		const struct kpprof_pending *p = &pending[i];
		struct kpprof_sched_event e = {
			.what = i == KPPROF_SLOT_RELEASE ? KPPROF_WATCH_MUTEX : KPPROF_WATCH_BLOCK,
			.arms = t->arms,
			.tid = p->tid,
			.flags = p->flags,
			.wait_op = p->wait_op,
			.wait_val = p->wait_val,
			.wait_addr = p->wait_addr,
			.begin = p->begin,
			.ns = p->ns,
			.count = p->count,
			.raw = p->raw,
			.queued = p->queued,
		};

		if (!p->count)
			continue;
		if (i == KPPROF_SLOT_PREEMPTED)
			e.flags |= KPPROF_SCHED_PREEMPTED;
		fill_call(&e, regs);
		e.mode = mode_of(&e);
		emit(&e, room, regs, &s, agent_walks);
	}
}

/* Context: the thread itself, on its way to user space or out; an RCU reader. */
static void tell(struct kpprof_watched *t)
{
	struct kpprof_stack __percpu *all = READ_ONCE(rooms);
	struct kpprof_pending pending[KPPROF_SLOTS_N];
	u64 from = sched_clock(), ns;

	local_irq_disable();
	memcpy(pending, t->pending, sizeof(pending));
	memset(t->pending, 0, sizeof(t->pending));
	local_irq_enable();
	preempt_disable();
	/* Gone, when the watch has ended meanwhile. */
	if (all)
		emit_pending(t, pending, this_cpu_ptr(all), task_pt_regs(current));
	ns = sched_clock() - from;
	kpprof_count_add(sched_busy_ns, ns);
	kpprof_count_add(sched_told_ns, ns);
	preempt_enable();
}

static void tell_new(const struct kpprof_watched *t, const struct task_struct *child)
{
	struct kpprof_sched_event e = {
		.what = KPPROF_WATCH_CREATE,
		.arms = t->arms,
		.pid = child->tgid,
		.tid = child->pid,
		.begin = ktime_get_mono_fast_ns(),
		.count = KPPROF_COUNT_ONE,
	};
	struct pt_regs *regs = task_pt_regs(current);
	struct kpprof_sample s = {.context = KPPROF_CONTEXT_SCHED};
	struct kpprof_stack *room;
	u64 from = sched_clock();

	fill_call(&e, regs);
	preempt_disable();
	room = this_cpu_ptr(rooms);
	emit(&e, room, regs, &s,
	     kpprof_stack_take(room, kpprof_target_find(current->tgid), regs, &s));
	kpprof_count_add(sched_busy_ns, sched_clock() - from);
	preempt_enable();
}

void kpprof_sched_fork(struct task_struct *child)
{
	const struct kpprof_watched *t;

	rcu_read_lock();
	kpprof_watched_add(child, kpprof_stamp());
	t = kpprof_watched_find(current);
	if (t && t->what & KPPROF_WATCH_CREATE && !(child->flags & PF_IO_WORKER))
		tell_new(t, child);
	rcu_read_unlock();
}

/* ---- room */

int kpprof_sched_init(void)
{
	return kpprof_watched_init(tell);
}

void kpprof_sched_deinit(void)
{
	kpprof_watched_deinit();
}

int kpprof_sched_start(u32 what)
{
	if (!rooms) {
		/* No thread is watched yet, of whom stamps were kept. */
		kpprof_stamp_init();
		rooms = alloc_percpu_gfp(struct kpprof_stack, GFP_KERNEL | __GFP_NOWARN);
	}
	if (!rooms)
		return -ENOMEM;
	return what & KPPROF_WATCH_MUTEX ? kpprof_futex_start() : 0;
}

void kpprof_sched_stop(void)
{
	struct kpprof_stack __percpu *old = rooms;

	if (!old)
		return;
	WRITE_ONCE(rooms, NULL);
	/* A thread may be telling still. */
	synchronize_rcu();
	free_percpu(old);
	kpprof_futex_stop();
}
