// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What musl has in memory, on 64-bit machines. Sources: src/internal/pthread_impl.h,
 * src/thread/pthread_mutex_timedlock.c, pthread_cond_timedwait.c, pthread_rwlock_timedrdlock.c,
 * sem_timedwait.c, pthread_join.c of 1.1 and 1.2.
 */
#include <errno.h>
#include <linux/futex.h>
#include <string.h>

#include "../base/cleanup.h"
#include "lock.h"
#include "mutex_kind.h"

/* Bits of the type of a mutex. */
enum { TYPE_TYPE = 3, TYPE_ROBUST = 4, TYPE_PI = 8, TYPE_SHARED = 128, TYPE_ALL = 143 };

/* More than this many threads do not use one object. */
enum { USERS_MAX = 1 << 20 };

/* A word that somebody waits for. */
#define WAITERS 0x80000000u

/* A rwlock that a writer holds. */
#define RW_WRITER 0x7fffffffu

/* Barrier of a waiter for a condition variable while nobody signalled, in its own stack frame. */
enum { BARRIER_WAITING = 2, FRAME_NEAR = 1024 };

/* State of a thread that can be joined, and how far behind the start of struct pthread it may lie.
 */
enum { DETACH_JOINABLE = 2, PTHREAD_STATE_MAX = 128 };

struct mutex {
	uint32_t type;
	uint32_t lock;
	uint32_t waiters;
	uint32_t pad;
	uint64_t prev;
	uint64_t next;
	uint32_t count;
};

static bool is_mutex(const struct mutex *m)
{
	return !(m->type & ~(uint32_t)TYPE_ALL) && (m->type & TYPE_TYPE) <= MUTEX_ERRORCHECK &&
	       m->waiters <= USERS_MAX && m->pad == 0;
}

static void set_mutex(const struct mutex *m, uint64_t addr, struct lock *out)
{
	bool robust = m->type & TYPE_ROBUST, pi = m->type & TYPE_PI;
	uint32_t owner = m->lock & FUTEX_TID_MASK;

	out->type = LOCK_MUTEX;
	out->kind = mutex_kind_name((enum mutex_type)(m->type & TYPE_TYPE),
				    pi ? (robust ? MUTEX_ROBUST_PI : MUTEX_PI)
				       : (robust ? MUTEX_ROBUST : MUTEX_PLAIN));
	out->addr = addr;
	out->shared = m->type & TYPE_SHARED;
	out->owner = 0;
	if ((m->type & (TYPE_TYPE | TYPE_ROBUST | TYPE_PI)) == MUTEX_NORMAL) {
		/* It holds EBUSY, whoever locked it. */
		out->holder = owner == EBUSY ? HOLDER_SOMEONE : HOLDER_UNKNOWN;
	} else if (owner && owner <= LOCK_TID_MAX) {
		out->holder = HOLDER_THREAD;
		out->owner = (pid_t)owner;
	} else {
		out->holder = HOLDER_UNKNOWN;
	}
}

static bool read_mutex(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint64_t addr = w->addr - 4;
	struct mutex m;

	if (w->addr < 4 || addr % 8 || !(w->val & WAITERS) || s->read(s, addr, &m, sizeof(m)) ||
	    !is_mutex(&m))
		return false;
	if (m.lock != w->val || !m.waiters || w->shared != !!(m.type & TYPE_SHARED))
		return false;
	set_mutex(&m, addr, out);
	return true;
}

bool musl_pi_mutex(const struct space *s, uint64_t addr, struct lock *out)
{
	struct mutex m;

	if (s->read(s, addr, &m, sizeof(m)) || !is_mutex(&m) || !(m.type & TYPE_PI) ||
	    !(m.lock & FUTEX_TID_MASK) || (m.lock & FUTEX_TID_MASK) > LOCK_TID_MAX)
		return false;
	set_mutex(&m, addr, out);
	return true;
}

/* A rwlock and a semaphore have a word, a number of waiters, and opposite flags for sharing. */
static bool read_rwlock_or_sem(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint32_t word[3];

	if (w->addr % 8 || !(w->val & WAITERS) || s->read(s, w->addr, word, sizeof(word)))
		return false;
	if (word[0] != w->val || !word[1] || word[1] > USERS_MAX ||
	    (word[2] != 0 && word[2] != FUTEX_PRIVATE_FLAG))
		return false;
	if (!w->shared == (word[2] == FUTEX_PRIVATE_FLAG)) {
		out->type = LOCK_SEM;
		return w->val == UINT32_MAX || w->val == WAITERS;
	}
	word[0] &= ~WAITERS;
	if (!word[0])
		return false;
	/* Only a writer waits for readers; who waits for a writer is not in memory. */
	out->type = word[0] == RW_WRITER ? LOCK_RWLOCK : LOCK_WRITE;
	out->holder = word[0] == RW_WRITER ? HOLDER_SOMEONE : HOLDER_READERS;
	out->readers = word[0] == RW_WRITER ? 0 : word[0];
	return true;
}

static bool read_cond(const struct space *s, const struct futex_wait *w, uint64_t sp,
		      struct lock *out)
{
	uint32_t word;

	if (w->val != BARRIER_WAITING || w->addr % 8 != 4 || !sp || w->addr < sp ||
	    w->addr - sp > FRAME_NEAR || !space_word(s, w->addr, &word) || word != w->val)
		return false;
	out->type = LOCK_COND;
	return true;
}

/* The thread's number stands a few words before its state; the structure begins with its address.
 */
static bool read_join(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint64_t block[PTHREAD_STATE_MAX / 8 + 1], start = w->addr - PTHREAD_STATE_MAX;

	if (w->val != DETACH_JOINABLE || w->addr < PTHREAD_STATE_MAX || w->addr % 4)
		return false;
	start -= start % 8;
	if (s->read(s, start, block, sizeof(block)))
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(block) - 2; i++) {
		if (block[i] != start + 8 * i)
			continue;
		for (size_t k = 2 * i + 2; start + 4 * k < w->addr; k++) {
			uint32_t tid;

			memcpy(&tid, (const char *)block + 4 * k, sizeof(tid));
			if (!tid || tid > LOCK_TID_MAX || !s->thread(s, (pid_t)tid))
				continue;
			out->type = LOCK_JOIN;
			out->holder = HOLDER_THREAD;
			out->owner = (pid_t)tid;
			out->shared = false;
			return true;
		}
	}
	return false;
}

bool musl_lock(const struct space *s, const struct futex_wait *w, uint64_t sp, struct lock *out)
{
	return read_mutex(s, w, out) || read_cond(s, w, sp, out) || read_join(s, w, out) ||
	       read_rwlock_or_sem(s, w, out);
}
