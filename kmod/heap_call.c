// SPDX-License-Identifier: GPL-2.0-only
/*
 * How a sampled call comes to its result, without a probe in all returns: a hardware breakpoint on
 * its return address, in its own thread. It is set by a task work, since setting one sleeps, before
 * the thread goes on in the allocator; when it is met, a second task work takes it away and looks
 * at the result, before the thread goes on in the program.
 *
 * Each call has one owner at a time: its own works while they are on their way (ARMING, RETURNED),
 * the table while it waits (WAITING), and whoever makes it GONE from there: that is a thread that
 * was found to have left it, a thread that ends, a process that is disarmed, or time.
 */
#include <linux/hash.h>
#include <linux/hw_breakpoint.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/perf_event.h>
#include <linux/ptrace.h>
#include <linux/rculist.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "client.h"
#include "compat.h"
#include "heap_parts.h"
#include "stack.h"

/* A call that has not returned for so long never will. */
#define PATIENCE   (5 * HZ)

#define TABLE_BITS 8

/* struct call: state */
enum { ARMING, WAITING, RETURNED, GONE };

/**
 * struct call - a call whose result is wanted
 * @node: in the table, by its thread
 * @work: in its thread
 * @gone: among those to be given back
 * @process: one reference
 * @task: its thread; only compared
 * @breakpoint: on the return address, from WAITING on
 * @state: see above
 * @since: jiffies
 * @result: what the function returned, when RETURNED
 * @calling: what it is
 * @rcu: its end
 */
struct call {
	struct hlist_node node;
	struct callback_head work;
	struct llist_node gone;
	struct kpprof_heap_process *process;
	const struct task_struct *task;
	struct perf_event *breakpoint;
	atomic_t state;
	unsigned long since;
	u64 result;
	struct kpprof_heap_calling calling;
	struct rcu_head rcu;
};

static struct hlist_head table[1 << TABLE_BITS];
/* Guards changes of the table. Taken in tasks only. */
static DEFINE_SPINLOCK(table_lock);
static atomic_t ncalls = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(none_left);
/* There was one since the module was loaded. */
static bool ever;
static LLIST_HEAD(gone);

static void free_gone(struct work_struct *work);
static void look_for_old(struct work_struct *work);
static DECLARE_WORK(gone_work, free_gone);
static DECLARE_DELAYED_WORK(old_work, look_for_old);

u32 kpprof_returns_count(void)
{
	return atomic_read(&ncalls);
}

static void insert(struct call *c)
{
	spin_lock(&table_lock);
	hlist_add_head_rcu(&c->node, &table[hash_ptr(c->task, TABLE_BITS)]);
	spin_unlock(&table_lock);
}

static void take_out(struct call *c)
{
	spin_lock(&table_lock);
	hlist_del_rcu(&c->node);
	spin_unlock(&table_lock);
}

/* Context: task; sleeps. */
static void call_free(struct call *c)
{
	if (!IS_ERR_OR_NULL(c->breakpoint))
		unregister_hw_breakpoint(c->breakpoint);
	kpprof_heap_process_put(c->process);
	kfree_rcu(c, rcu);
	if (atomic_dec_and_test(&ncalls))
		wake_up_all(&none_left);
}

static void free_gone(struct work_struct *work)
{
	struct call *c, *next;

	llist_for_each_entry_safe(c, next, llist_del_all(&gone), gone) call_free(c);
}

/* A sample that will have no address. */
static void count_unplaced(const struct call *c)
{
	if (c->calling.seq)
		atomic64_inc(&c->process->heap->unplaced);
}

/*
 * Ends a call that waits, if nobody else does. Its breakpoint may be met still, and says nothing
 * then. Context: task, may be atomic.
 */
static void give_up(struct call *c)
{
	if (atomic_cmpxchg(&c->state, WAITING, GONE) != WAITING)
		return;
	take_out(c);
	count_unplaced(c);
	llist_add(&c->gone, &gone);
	queue_work(kpprof_wq, &gone_work);
}

/* Another call has the same block for its result: this one was made by it. RCU reader. */
static bool is_inner(const struct call *c)
{
	const struct call *other;

	hlist_for_each_entry_rcu(other, &table[hash_ptr(c->task, TABLE_BITS)],
				 node) if (other->task == c->task && other != c &&
					   other->calling.sp > c->calling.sp) return true;
	return false;
}

/*
 * A call that resizes block @seq has not been told its end yet: what was at the block's address may
 * belong to another thread before the call returns. Its call is in the table until then.
 */
static bool is_resized(const struct kpprof_heap_process *p, u64 seq)
{
	const struct call *c;
	bool found = false;
	size_t i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(table) && !found; i++)
		hlist_for_each_entry_rcu(c, &table[i], node)
		{
			found |= c->process == p && c->calling.old == seq;
		}
	rcu_read_unlock();
	return found;
}

/* The block is at @ptr. */
static void place(struct call *c, u64 ptr, struct pt_regs *regs)
{
	struct kpprof_heap_process *p = c->process;
	const struct kpprof_block_key key = {.owner = p, .ptr = ptr};
	bool inner, missed;
	u64 old;
	int err;

	rcu_read_lock();
	inner = is_inner(c);
	rcu_read_unlock();
	err = kpprof_blocks_add(&p->heap->blocks, &key, c->calling.seq, inner, &old, &missed);
	if (old)
		kpprof_heap_tell(p, regs, KPPROF_HEAP_FREED, old, ptr, 0);
	if (missed && !is_resized(p, old))
		atomic64_inc(&p->heap->missed);
	if (err)
		atomic64_inc(err == -ENOSPC ? &p->heap->overflow : &p->heap->dropped);
	kpprof_heap_tell(p, regs, KPPROF_HEAP_PLACED, c->calling.seq, ptr,
			 err ? KPPROF_HEAP_OVERFLOW : 0);
}

/* The block that was resized is gone; unless its address was given to somebody else meanwhile. */
static void end_old(struct call *c, struct pt_regs *regs)
{
	const struct kpprof_block_key key = {.owner = c->process, .ptr = c->calling.arg};

	if (kpprof_blocks_take(&c->process->heap->blocks, &key, c->calling.old))
		kpprof_heap_tell(c->process, regs, KPPROF_HEAP_FREED, c->calling.old,
				 c->calling.arg, 0);
}

/* Context: the thread, with the call's result in its registers. */
static void finish(struct call *c)
{
	struct pt_regs *regs = task_pt_regs(current);
	u64 ptr = c->result;

	/* What posix_memalign(3) returns is 0 or an error. */
	if (c->calling.stored && (ptr || kpprof_stack_read(c->calling.arg, &ptr, 1) != 1))
		ptr = 0;
	if (ptr && c->calling.old)
		end_old(c, regs);
	if (ptr && c->calling.seq && !READ_ONCE(c->process->dying))
		place(c, ptr, regs);
	else
		count_unplaced(c);
	take_out(c);
	call_free(c);
}

/*
 * The breakpoint was met: by the call that it is for when the stack pointer says so. Context: debug
 * exception of the thread, from user space, interrupts off.
 */
static void on_return(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	struct call *c = event->overflow_handler_context;

	if (regs->sp != c->calling.sp + sizeof(u64) || current->mm != c->process->mm ||
	    atomic_cmpxchg(&c->state, WAITING, RETURNED) != WAITING)
		return;
	c->result = regs->ax;
	/* A thread that exits takes no works: the probe of its exit finds the call. */
	if (task_work_add(current, &c->work, KPPROF_TASK_WORK_NOTIFY))
		atomic_set(&c->state, WAITING);
}

/* Context: the thread; sleeps. */
static struct perf_event *set_breakpoint(struct call *c)
{
	struct perf_event_attr attr;
	struct perf_event *event;

	ptrace_breakpoint_init(&attr);
	attr.bp_addr = c->calling.back;
	attr.bp_len = HW_BREAKPOINT_LEN_8;
	attr.bp_type = HW_BREAKPOINT_X;
	event = register_user_hw_breakpoint(&attr, on_return, c, current);
	if (PTR_ERR(event) != -ENOSPC)
		return event;
	/* There are few, and calls that were given up may not have given back theirs yet. */
	flush_work(&gone_work);
	return register_user_hw_breakpoint(&attr, on_return, c, current);
}

/* Context: the thread, on its way back into the allocator. */
static void wait_for_return(struct call *c)
{
	c->breakpoint = set_breakpoint(c);
	if (IS_ERR(c->breakpoint)) {
		count_unplaced(c);
		call_free(c);
		return;
	}
	c->since = jiffies;
	insert(c);
	atomic_set_release(&c->state, WAITING);
	/* Pairs with kpprof_heap_calls_end(): it sees the call, or is seen here. */
	smp_mb();
	if (READ_ONCE(c->process->dying))
		give_up(c);
	else
		queue_delayed_work(kpprof_wq, &old_work, PATIENCE);
}

static void run(struct callback_head *work)
{
	struct call *c = container_of(work, struct call, work);

	if (atomic_read(&c->state) == ARMING)
		wait_for_return(c);
	else
		finish(c);
}

void kpprof_heap_call_begin(struct kpprof_heap_process *p,
			    const struct kpprof_heap_calling *calling)
{
	struct call *c = kzalloc(sizeof(*c), GFP_KERNEL | __GFP_NOWARN);

	if (!c) {
		atomic64_inc(&p->heap->dropped);
		return;
	}
	c->process = kpprof_heap_process_get(p);
	c->task = current;
	c->calling = *calling;
	atomic_set(&c->state, ARMING);
	init_task_work(&c->work, run);
	atomic_inc(&ncalls);
	WRITE_ONCE(ever, true);
	if (!task_work_add(current, &c->work, TWA_RESUME))
		return;
	/* It exits. */
	count_unplaced(c);
	call_free(c);
}

/* Context: the thread. @sp: calls below; U64_MAX for all. */
static void give_up_own(u64 sp)
{
	struct hlist_head *head = &table[hash_ptr(current, TABLE_BITS)];
	struct call *c;

	rcu_read_lock();
	hlist_for_each_entry_rcu(c, head, node) if (c->task == current && c->calling.sp <= sp)
		give_up(c);
	rcu_read_unlock();
}

void kpprof_heap_calls_check(u64 sp)
{
	if (unlikely(atomic_read(&ncalls)))
		give_up_own(sp);
}

void kpprof_heap_calls_leave(void)
{
	if (atomic_read(&ncalls))
		give_up_own(U64_MAX);
}

/* @p: of this process; NULL: those that are older than @since */
static bool give_up_some(const struct kpprof_heap_process *p, unsigned long since)
{
	bool more = false;
	struct call *c;
	size_t i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(table); i++) {
		hlist_for_each_entry_rcu(c, &table[i], node)
		{
			if (p ? c->process == p : time_before(c->since, since))
				give_up(c);
			else
				more = true;
		}
	}
	rcu_read_unlock();
	return more;
}

static void look_for_old(struct work_struct *work)
{
	if (give_up_some(NULL, jiffies - PATIENCE))
		queue_delayed_work(kpprof_wq, &old_work, HZ);
}

void kpprof_heap_calls_end(struct kpprof_heap_process *p)
{
	smp_mb();
	give_up_some(p, 0);
	flush_work(&gone_work);
}

void kpprof_heap_calls_idle(void)
{
	cancel_delayed_work_sync(&old_work);
}

void kpprof_heap_calls_deinit(void)
{
	wait_event(none_left, !atomic_read(&ncalls));
	cancel_delayed_work_sync(&old_work);
	cancel_work_sync(&gone_work);
	/* The last instructions of run() may be still to come in a thread that was preempted. */
	if (ever)
		synchronize_rcu_tasks();
}
