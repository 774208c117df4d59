// SPDX-License-Identifier: GPL-2.0-only
#include <linux/rcupdate.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>
#include <linux/wait.h>

#include "compat.h"
#include "futex.h"
#include "stats.h"
#include "watched.h"
#include "watch.h"

struct hlist_head kpprof_watched_table[1 << KPPROF_WATCHED_BITS];
/* Guards changes of the table. Taken in tasks only. */
static DEFINE_SPINLOCK(threads_lock);
static u32 nthreads;
static struct kmem_cache *cache;
static void (*tell_thread)(struct kpprof_watched *t);

/* Task works that are on their way, and who waits for the last one. */
static atomic_t works = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(works_gone);
/* A work ran, or was on its way, since the module was loaded. */
static bool ever_queued;

/* struct kpprof_watched: queued */
enum {
	IDLE,	  /* the work is not on its way */
	QUEUED,	  /* it is */
	ORPHANED, /* it is, and frees the entry: the table has no more */
};

static void free_entry(struct rcu_head *rcu)
{
	struct kpprof_watched *t = container_of(rcu, struct kpprof_watched, rcu);

	put_task_struct(t->task);
	kmem_cache_free(cache, t);
}

static void work_done(void)
{
	if (atomic_dec_and_test(&works))
		wake_up_all(&works_gone);
}

/* Context: the thread itself, on its way to user space or out. */
static void run(struct callback_head *work)
{
	struct kpprof_watched *t = container_of(work, struct kpprof_watched, work);

	/* Whoever finds it idle from here on frees it after a grace period. */
	rcu_read_lock();
	if (atomic_xchg(&t->queued, IDLE) == ORPHANED)
		call_rcu(&t->rcu, free_entry);
	else
		tell_thread(t);
	rcu_read_unlock();
	work_done();
}

void kpprof_watched_queue(struct kpprof_watched *t)
{
	if (atomic_cmpxchg(&t->queued, IDLE, QUEUED) != IDLE)
		return;
	atomic_inc(&works);
	WRITE_ONCE(ever_queued, true);
	if (!task_work_add(t->task, &t->work, KPPROF_TASK_WORK_NOTIFY))
		return;
	/* It exits, and takes no works any more. */
	atomic_set(&t->queued, IDLE);
	memset(t->pending, 0, sizeof(t->pending));
	kpprof_count(sched_dropped);
	atomic_dec(&works);
}

/*
 * As task_work_cancel(), which modules may not call: a work may be taken out of the list under
 * pi_lock, which task_work_run() takes once it has the list for itself.
 */
static bool cancel(struct task_struct *task, struct callback_head *work)
{
	struct callback_head **at = &task->task_works, *have;
	unsigned long flags;

	raw_spin_lock_irqsave(&task->pi_lock, flags);
	while ((have = READ_ONCE(*at))) {
		if (have != work)
			at = &have->next;
		else if (cmpxchg(at, work, work->next) == work)
			break;
	}
	raw_spin_unlock_irqrestore(&task->pi_lock, flags);
	return have;
}

/*
 * Gives an entry away that is not in the table any more, and that no probe uses. A thread may sleep
 * in the kernel for hours with its work on its way: the work is called back then.
 */
static void dispose(struct kpprof_watched *t)
{
	kpprof_futex_forget(t);
	if (atomic_read(&t->queued) == QUEUED && cancel(t->task, &t->work)) {
		/* Nobody wants to know any more. */
		work_done();
	} else if (atomic_cmpxchg(&t->queued, QUEUED, ORPHANED) == QUEUED) {
		return;
	}
	call_rcu(&t->rcu, free_entry);
}

int kpprof_watched_init(void (*tell)(struct kpprof_watched *t))
{
	tell_thread = tell;
	cache = KMEM_CACHE(kpprof_watched, 0);
	return cache ? 0 : -ENOMEM;
}

void kpprof_watched_deinit(void)
{
	wait_event(works_gone, !atomic_read(&works));
	/* The last instructions of run() may be still to come in a thread that was preempted. */
	if (ever_queued)
		synchronize_rcu_tasks();
	rcu_barrier();
	kmem_cache_destroy(cache);
}

static void set_look(struct kpprof_watched *t, const struct kpprof_look *look)
{
	WRITE_ONCE(t->arms, look->arms);
	WRITE_ONCE(t->what, look->what);
	kpprof_pick_set(&t->pick, look->rate);
}

static struct kpprof_watched *create(struct task_struct *task, u64 now)
{
	struct kpprof_watched *t = kmem_cache_zalloc(cache, GFP_ATOMIC | __GFP_NOWARN);
	unsigned int state = kpprof_task_state(task);

	if (!t)
		return NULL;
	get_task_struct(task);
	t->task = task;
	t->out = now;
	t->runnable = !state || state & TASK_NEW;
	init_task_work(&t->work, run);
	return t;
}

/* Under threads_lock. */
static void unlink(struct kpprof_watched *t)
{
	hlist_del_rcu(&t->node);
	WRITE_ONCE(nthreads, nthreads - 1);
}

/*
 * False when it is there, there are too many, or the watch that it was made for has ended since:
 * kpprof_watched_review() has then been here before, and would not find it.
 */
static bool insert(struct kpprof_watched *t)
{
	struct kpprof_look look;
	bool done = false;

	spin_lock(&threads_lock);
	if (nthreads < KPPROF_WATCHED_MAX && !kpprof_watched_find(t->task) &&
	    kpprof_look_at(t->task, &look)) {
		set_look(t, &look);
		hlist_add_head_rcu(&t->node,
				   &kpprof_watched_table[hash_ptr(t->task, KPPROF_WATCHED_BITS)]);
		WRITE_ONCE(nthreads, nthreads + 1);
		done = true;
	}
	spin_unlock(&threads_lock);
	return done;
}

/* True when this call took it out. */
static bool take_out(struct kpprof_watched *t)
{
	bool there;

	spin_lock(&threads_lock);
	there = kpprof_watched_find(t->task) == t;
	if (there)
		unlink(t);
	spin_unlock(&threads_lock);
	return there;
}

int kpprof_watched_add(struct task_struct *task, u64 now)
{
	struct kpprof_look look;
	struct kpprof_watched *t;

	/* A worker of the kernel's in a user's process never returns to user space. */
	if (task->flags & (PF_KTHREAD | PF_IO_WORKER | PF_EXITING) || kpprof_watched_find(task) ||
	    !kpprof_look_at(task, &look))
		return 0;
	t = READ_ONCE(nthreads) < KPPROF_WATCHED_MAX ? create(task, now) : NULL;
	if (!t) {
		kpprof_count(untracked);
		return -ENOMEM;
	}
	if (!insert(t)) {
		call_rcu(&t->rcu, free_entry);
		return 0;
	}
	/*
	 * Either it is seen here to exit, or the probe of its exit, which comes after the flag was
	 * set, finds the entry.
	 */
	smp_mb();
	if (READ_ONCE(task->flags) & PF_EXITING && take_out(t))
		dispose(t);
	return 0;
}

void kpprof_watched_exit(struct task_struct *task)
{
	struct kpprof_watched *t = kpprof_watched_find(task);

	if (!t || !take_out(t))
		return;
	kpprof_futex_forget(t);
	/* Its work, if there is one, comes later in its exit. */
	if (atomic_cmpxchg(&t->queued, QUEUED, ORPHANED) != QUEUED)
		call_rcu(&t->rcu, free_entry);
}

/* Moves what is not to be watched any more from a chain to @gone. */
static void review_chain(struct hlist_head *chain, struct kpprof_watched **gone)
{
	struct kpprof_look look;
	struct kpprof_watched *t;
	struct hlist_node *next;

	rcu_read_lock();
	spin_lock(&threads_lock);
	hlist_for_each_entry_safe(t, next, chain, node)
	{
		if (kpprof_look_at(t->task, &look)) {
			set_look(t, &look);
			continue;
		}
		unlink(t);
		t->gone = *gone;
		*gone = t;
	}
	spin_unlock(&threads_lock);
	rcu_read_unlock();
}

void kpprof_watched_review(void)
{
	struct kpprof_watched *gone = NULL, *t;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kpprof_watched_table); i++)
		review_chain(&kpprof_watched_table[i], &gone);
	if (!gone)
		return;
	/* After this no probe uses them. */
	synchronize_rcu();
	while ((t = gone)) {
		gone = t->gone;
		dispose(t);
	}
}

u32 kpprof_watched_count(void)
{
	return READ_ONCE(nthreads);
}

unsigned long kpprof_watched_each(unsigned long from,
				  int (*fn)(const struct kpprof_watched *t, void *ctx), void *ctx)
{
	const struct kpprof_watched *t;
	unsigned long n = 0;
	size_t i;

	rcu_read_lock();
	for (i = 0; i < ARRAY_SIZE(kpprof_watched_table); i++)
		hlist_for_each_entry_rcu(t, &kpprof_watched_table[i], node)
		{
			if (n >= from && fn(t, ctx))
				goto out;
			n++;
		}
out:
	rcu_read_unlock();
	return n;
}
