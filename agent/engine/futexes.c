// SPDX-License-Identifier: GPL-2.0-or-later
#include "futexes.h"

#include <stdlib.h>
#include <linux/futex.h>

#include "../base/hash.h"

enum {
	BUCKETS = 1024,
	/* Queues that nobody is on are kept for the time of their last release, up to so many. */
	QUEUES_MAX = 4096,
};

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

/* One word. */
struct futex_queue {
	struct futex_queue *next;
	pid_t pid;
	uint64_t addr;
	uint64_t released;
	struct futex_waiter *first;
};

static struct futex_queue **bucket_of(const struct futexes *f, pid_t pid, uint64_t addr)
{
	/* Words are 4 bytes apart at least. */
	uint64_t hash = hash_u64(addr / 4 + (uint64_t)pid);

	return &f->buckets[hash >> 54];
}

static struct futex_queue *find(const struct futexes *f, pid_t pid, uint64_t addr)
{
	struct futex_queue *q = f->buckets ? *bucket_of(f, pid, addr) : NULL;

	while (q && (q->pid != pid || q->addr != addr))
		q = q->next;
	return q;
}

static void forget_empty(struct futexes *f)
{
	for (size_t i = 0; i < BUCKETS; i++) {
		struct futex_queue **at = &f->buckets[i];

		while (*at) {
			struct futex_queue *q = *at;

			if (q->first) {
				at = &q->next;
				continue;
			}
			*at = q->next;
			free(q);
			f->nqueues--;
		}
	}
}

static struct futex_queue *get(struct futexes *f, pid_t pid, uint64_t addr)
{
	struct futex_queue *q = find(f, pid, addr), **at;

	if (q)
		return q;
	if (!f->buckets)
		f->buckets = calloc(BUCKETS, sizeof(struct futex_queue *));
	if (f->nqueues >= QUEUES_MAX)
		forget_empty(f);
	q = f->buckets ? calloc(1, sizeof(*q)) : NULL;
	if (!q)
		return NULL;
	q->pid = pid;
	q->addr = addr;
	at = bucket_of(f, pid, addr);
	q->next = *at;
	*at = q;
	f->nqueues++;
	return q;
}

void futexes_deinit(struct futexes *f)
{
	if (f->buckets)
		forget_empty(f);
	free(f->buckets);
	f->buckets = NULL;
}

/*
 * By the values that libraries wait for, and what stands beside them.
 *
 * glibc: a mutex waits for 2 (lll_lock), and its owner is 8 bytes behind. A rwlock waits for 2 and
 * 3 with FUTEX_WAIT_BITSET, a condition variable with the same for 0 (before 2.41) or a sequence
 * number. Rust's locks wait for 2 with FUTEX_WAIT_BITSET.
 * musl: a lock's words have the uppermost bit set when there are waiters, and so has a semaphore's,
 * which has the flag for its operations 8 bytes behind. A condition variable waits for 2 in the
 * frame of its function; pthread_join() for 2 in the thread's own data, 8 bytes behind its number.
 */
enum futex_word futex_word(const struct futex_wait *w)
{
	uint32_t val = (uint32_t)w->val;

	switch (w->op & 0x7f) {
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		return FUTEX_LOCK;
	case FUTEX_WAIT:
		if (val == 2)
			return !w->near_owner && (w->own_frame || w->near_thread) ? FUTEX_SIGNAL
										  : FUTEX_LOCK;
		break;
	case FUTEX_WAIT_BITSET:
		if (val == 2 || val == 3)
			return FUTEX_RWLOCK;
		break;
	default:
		return FUTEX_SIGNAL;
	}
	return val & FUTEX_WAITERS && !w->near_flag ? FUTEX_LOCK : FUTEX_SIGNAL;
}

void futex_leave(struct futex_waiter *w)
{
	if (!w->queue)
		return;
	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	w->queue = NULL;
}

void futex_arrive(struct futexes *f, struct futex_waiter *w, pid_t pid, uint64_t addr,
		  enum futex_word word, uint64_t time)
{
	futex_leave(w);
	w->since = time;
	w->word = word;
	w->queue = get(f, pid, addr);
	if (!w->queue)
		return;
	w->next = w->queue->first;
	w->at = &w->queue->first;
	if (w->next)
		w->next->at = &w->next;
	w->queue->first = w;
}

/* The word that a wait is on in the end: another one than it began with when it was requeued, from
 * a condition to the lock that goes with it. */
static bool requeued(const struct futex_release *r)
{
	const struct futex_queue *q = r->woken->queue;

	return q && q->pid == r->pid && q->addr != r->addr;
}

bool futex_is_lock(const struct futex_release *r)
{
	return r->woken->word != FUTEX_SIGNAL || requeued(r);
}

static struct futex_queue *queue_of(const struct futexes *f, const struct futex_release *r)
{
	return requeued(r) ? find(f, r->pid, r->addr) : r->woken->queue;
}

/* The other word of a glibc rwlock, 8-byte aligned neighbours; NULL for any other lock. */
static struct futex_queue *neighbour(const struct futexes *f, const struct futex_release *r)
{
	const struct futex_queue *q = r->woken->queue;

	if (!q || r->woken->word != FUTEX_RWLOCK || requeued(r))
		return NULL;
	q = find(f, q->pid, q->addr ^ 4);
	return q && q->first && q->first->word == FUTEX_RWLOCK ? (struct futex_queue *)q : NULL;
}

static uint64_t waited(const struct futex_waiter *w, uint64_t floor, uint64_t to)
{
	uint64_t from = w->since > floor ? w->since : floor;

	return to > from ? to - from : 0;
}

static uint64_t all_waited(const struct futex_queue *q, uint64_t floor, uint64_t to)
{
	uint64_t sum = 0;

	if (!q)
		return 0;
	if (q->released > floor)
		floor = q->released;
	for (const struct futex_waiter *w = q->first; w; w = w->next)
		sum += waited(w, floor, to);
	return sum;
}

uint64_t futex_charge(const struct futexes *f, const struct futex_release *r, uint64_t floor)
{
	const struct futex_queue *q = queue_of(f, r);
	uint64_t sum;

	if (!futex_is_lock(r))
		return waited(r->woken, floor, r->time);
	sum = all_waited(q, floor, r->time) + all_waited(neighbour(f, r), floor, r->time);
	/* On the queue of the lock by the kernel's doing alone. */
	if (requeued(r))
		sum += waited(r->woken, q && q->released > floor ? q->released : floor, r->time);
	return sum;
}

void futex_release(struct futexes *f, const struct futex_release *r)
{
	struct futex_queue *other = neighbour(f, r);
	struct futex_queue *q = requeued(r) ? get(f, r->pid, r->addr) : r->woken->queue;

	if (futex_is_lock(r) && q)
		q->released = r->time;
	if (other)
		other->released = r->time;
	futex_leave(r->woken);
}
