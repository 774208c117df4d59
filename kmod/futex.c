// SPDX-License-Identifier: GPL-2.0-only
#include <linux/hash.h>
#include <linux/mm.h>
#include <linux/preempt.h>
#include <linux/ptrace.h>
#include <linux/sched/task_stack.h>
#include <linux/spinlock.h>
#include <asm/unistd.h>
#include <uapi/linux/futex.h>

#include "futex.h"
#include "stats.h"
#include "watched.h"

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13 /* since 5.14 */
#endif
/* Since 6.7; the same numbers on all machines. */
#define NR_FUTEX_WAKE 454
#define NR_FUTEX_WAIT 455

/**
 * struct word - a futex word with threads queued on it; free when there are none
 * @mm: whose
 * @key: its address, see key_of()
 * @n: threads queued
 * @at: up to when @ns is
 * @ns: time of all of them since the last release
 * @released: when that was, or when the first of them came
 */
struct word {
	struct mm_struct *mm;
	u64 key;
	u32 n;
	u64 at;
	u64 ns;
	u64 released;
};

/* Words that share a bucket: what does not fit is not charged to anybody, and counted. */
#define WAYS	    6
#define BUCKET_BITS 9

struct bucket {
	raw_spinlock_t lock;
	struct word words[WAYS];
};

static struct bucket *buckets;

/* A word so near above the stack pointer is in the frame of the function that waits. */
#define OWN_FRAME 512

/* Wakes of one system call follow each other at least so closely. */
#define SAME_RELEASE_NS 50000

/* The system call of a thread that is in one, with 64-bit registers; else NULL. */
static struct pt_regs *call_of(struct task_struct *task, long *nr)
{
	struct pt_regs *regs = task_pt_regs(task);

	if (!user_mode(regs) || !user_64bit_mode(regs))
		return NULL;
	*nr = regs->orig_ax;
	return regs;
}

static bool op_waits(u32 op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
	case FUTEX_WAIT_REQUEUE_PI:
		return true;
	}
	return false;
}

static bool op_wakes(u32 op)
{
	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
	case FUTEX_WAKE_OP:
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
	case FUTEX_CMP_REQUEUE_PI:
	case FUTEX_UNLOCK_PI:
		return true;
	}
	return false;
}

/*
 * glibc's read-write locks have two words that threads wait on, beside each other in an aligned
 * pair: first who may write next, then the readers. A release of one hands the lock on to those at
 * the other. They are taken for one word; its waits are told from those of a plain mutex, which may
 * well have another one beside it, by their operation (nptl/futex-internal.c).
 */
static u64 key_of(u64 addr, u32 op)
{
	const u32 pair = FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME;

	return (op & ~FUTEX_PRIVATE_FLAG) == pair ? (addr & ~7ull) | 1 : addr & ~3ull;
}

static struct bucket *bucket_of(const struct mm_struct *mm, u64 key)
{
	return &buckets[hash_64((u64)(unsigned long)mm ^ key, BUCKET_BITS)];
}

static struct word *find(struct bucket *b, const struct mm_struct *mm, u64 key)
{
	size_t i;

	for (i = 0; i < WAYS; i++)
		if (b->words[i].n && b->words[i].key == key && b->words[i].mm == mm)
			return &b->words[i];
	return NULL;
}

static struct word *find_or_begin(struct bucket *b, struct mm_struct *mm, u64 key, u64 now)
{
	struct word *w = find(b, mm, key);
	size_t i;

	for (i = 0; i < WAYS && !w; i++) {
		if (b->words[i].n)
			continue;
		w = &b->words[i];
		*w = (struct word){.mm = mm, .key = key, .at = now, .released = now};
	}
	return w;
}

static void advance(struct word *w, u64 now)
{
	if (now <= w->at)
		return;
	w->ns += w->n * (now - w->at);
	w->at = now;
}

int kpprof_futex_start(void)
{
	size_t i;

	if (buckets)
		return 0;
	buckets = kvcalloc(1 << BUCKET_BITS, sizeof(*buckets), GFP_KERNEL | __GFP_NOWARN);
	if (!buckets)
		return -ENOMEM;
	for (i = 0; i < 1 << BUCKET_BITS; i++)
		raw_spin_lock_init(&buckets[i].lock);
	return 0;
}

void kpprof_futex_stop(void)
{
	kvfree(buckets);
	buckets = NULL;
}

void kpprof_futex_sleep(struct kpprof_watched *t, struct task_struct *task, u64 now)
{
	const struct pt_regs *regs;
	struct bucket *b;
	struct word *w;
	long nr;
	u64 key;
	u32 op;

	regs = task->mm ? call_of(task, &nr) : NULL;
	if (!regs || (nr != __NR_futex && nr != NR_FUTEX_WAIT) || t->word)
		return;
	op = nr == __NR_futex ? regs->si : FUTEX_WAIT;
	if (!op_waits(op))
		return;
	key = key_of(regs->di, op);
	b = bucket_of(task->mm, key);
	raw_spin_lock(&b->lock);
	w = find_or_begin(b, task->mm, key, now);
	if (w) {
		advance(w, now);
		w->n++;
	}
	raw_spin_unlock(&b->lock);
	if (!w) {
		kpprof_count(sched_dropped);
		return;
	}
	t->word_mm = task->mm;
	t->word_addr = regs->di;
	t->word_op = op;
	t->word_val = regs->dx;
	t->word_on_stack = regs->di - regs->sp < OWN_FRAME;
	t->word_since = now;
	/* The last: a waker on another CPU looks at it first. */
	smp_store_release(&t->word, key);
}

bool kpprof_futex_wakes(void)
{
	const struct pt_regs *regs;
	long nr;

	/* Not an interrupt that came upon it. */
	if (!in_task() || !current->mm)
		return false;
	regs = call_of(current, &nr);
	return regs && ((nr == __NR_futex && op_wakes(regs->si)) || nr == NR_FUTEX_WAKE);
}

/* A waiter that nobody let go takes its own time with it. */
static void leave(struct kpprof_watched *t, struct word *w)
{
	u64 from = max(t->word_since, w->released), own = w->at > from ? w->at - from : 0;

	w->ns -= min(own, w->ns);
}

/*
 * A system call may wake many: the first one's wake is the release, and is charged with all of
 * them. What little time passes until the others are woken is left for the next release.
 */
static enum kpprof_wake release(struct kpprof_watched *waker, const struct kpprof_watched *t,
				struct word *w, u64 now, struct kpprof_charge *charge)
{
	bool more = waker->released == w->key && now - waker->released_at < SAME_RELEASE_NS &&
		    t->word_since <= w->released;

	waker->released = w->key;
	waker->released_at = now;
	*charge = (struct kpprof_charge){.begin = w->released};
	if (now > t->word_since)
		charge->own = now - t->word_since;
	if (more)
		return KPPROF_WAKE_MORE;
	charge->ns = w->ns;
	w->ns = 0;
	w->released = w->at;
	return KPPROF_WAKE_RELEASE;
}

enum kpprof_wake kpprof_futex_wake(struct kpprof_watched *t, struct kpprof_watched *waker, u64 now,
				   struct kpprof_charge *charge)
{
	struct bucket *b = bucket_of(t->word_mm, t->word);
	enum kpprof_wake wake = KPPROF_WAKE_NONE;
	unsigned long flags;
	struct word *w;

	raw_spin_lock_irqsave(&b->lock, flags);
	w = find(b, t->word_mm, t->word);
	if (w) {
		advance(w, now);
		if (waker)
			wake = release(waker, t, w, now, charge);
		else
			leave(t, w);
		w->n--;
	}
	raw_spin_unlock_irqrestore(&b->lock, flags);
	t->word = 0;
	return wake;
}

void kpprof_futex_forget(struct kpprof_watched *t)
{
	if (t->word)
		kpprof_futex_wake(t, NULL, t->word_since, NULL);
}
