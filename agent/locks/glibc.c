// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What glibc has in memory, on 64-bit little-endian machines. Sources: sysdeps/nptl/bits/
 * thread-shared-types.h, struct_mutex.h and struct_rwlock.h, nptl/pthread_mutex_lock.c,
 * pthread_rwlock_common.c, pthread_cond_wait.c of 2.24 to 2.41, and libio/stdio-lock.h.
 */
#include <linux/futex.h>
#include <string.h>

#include "lock.h"
#include "mutex_kind.h"

/* A low-level lock that has waiters. */
enum { LLL_CONTENDED = 2 };

/* Bits of the kind of a mutex, and those that only say whether transactions may be used. */
enum {
	KIND_TYPE = 3,
	KIND_ROBUST = 16,
	KIND_PI = 32,
	KIND_PROTECT = 64,
	KIND_SHARED = 128,
	KIND_ELISION = 256 | 512,
	KIND_ALL = KIND_TYPE | KIND_ROBUST | KIND_PI | KIND_PROTECT | KIND_SHARED | KIND_ELISION,
};

/* More than this many threads do not use one object: what says so is something else. */
enum { USERS_MAX = 1 << 20 };

struct mutex {
	uint32_t lock;
	uint32_t count;
	int32_t owner;
	uint32_t nusers;
	uint32_t kind;
	int16_t spins;
	int16_t elision;
	uint64_t list[2];
};

/* Since 2.25. */
struct rwlock {
	uint32_t readers;
	uint32_t writers;
	uint32_t wrphase_futex;
	uint32_t writers_futex;
	uint32_t pad3;
	uint32_t pad4;
	int32_t cur_writer;
	int32_t shared;
	int8_t elision;
	uint8_t pad1[7];
	uint64_t pad2;
	uint32_t flags;
	uint32_t end;
};

enum { RW_WRPHASE = 1, RW_WRLOCKED = 2, RW_READER_SHIFT = 3, RW_FUTEX_MAX = 3 };

/* Before 2.25: the words at 8 and 12 count wake-ups, those that are padding now count who waits. */
struct rwlock_old {
	uint32_t lock;
	uint32_t nr_readers;
	uint32_t readers_wakeup;
	uint32_t writer_wakeup;
	uint32_t nr_readers_queued;
	uint32_t nr_writers_queued;
	int32_t writer;
	int32_t shared;
	uint64_t pad[2];
	uint32_t flags;
};

/* Since 2.25; of 2.41 the fields that are looked at are in the same places. */
struct cond {
	uint64_t wseq;
	uint64_t g1_start;
	uint32_t g_refs[2];
	uint32_t g_size[2];
	uint32_t g1_orig_size;
	uint32_t wrefs;
	uint32_t g_signals[2];
};

enum { COND_WREFS_SHIFT = 3 };

/* Where struct pthread keeps the thread's number on x86-64, and the pointer to itself. */
enum { PTHREAD_TID = 720, PTHREAD_SELF = 16 };

static enum mutex_protocol protocol_of(uint32_t kind)
{
	if (kind & KIND_PROTECT)
		return MUTEX_PROTECT;
	if (kind & KIND_PI)
		return kind & KIND_ROBUST ? MUTEX_ROBUST_PI : MUTEX_PI;
	return kind & KIND_ROBUST ? MUTEX_ROBUST : MUTEX_PLAIN;
}

/*
 * Whether these bytes can be a locked mutex: everything that a mutex keeps must make sense,
 * because any word in memory may be 2.
 */
static bool is_locked_mutex(const struct mutex *m)
{
	bool recursive = (m->kind & KIND_TYPE) == MUTEX_RECURSIVE;

	if ((m->kind & ~(uint32_t)KIND_ALL) || m->nusers == 0 || m->nusers > USERS_MAX)
		return false;
	if (m->owner <= 0 || m->owner > LOCK_TID_MAX || m->count > USERS_MAX)
		return false;
	/* Those that the slow path locks have a count of 1, recursive or not. */
	if (!(m->kind & (KIND_ROBUST | KIND_PI | KIND_PROTECT)) && recursive != (m->count != 0))
		return false;
	return (m->kind & KIND_ROBUST) || (!m->list[0] && !m->list[1]);
}

/* Whether the word of a mutex of this kind says that it is locked by its owner. */
static bool word_agrees(const struct mutex *m)
{
	if (m->kind & (KIND_ROBUST | KIND_PI))
		return (m->lock & FUTEX_TID_MASK) == (uint32_t)m->owner;
	if (m->kind & KIND_PROTECT) /* above it is the ceiling */
		return (m->lock & 0x7ffff) == LLL_CONTENDED;
	/* 1 is a lock that somebody took while those whom its last owner woke have not run yet. */
	return m->lock == 1 || m->lock == LLL_CONTENDED;
}

static void set_mutex(const struct mutex *m, uint64_t addr, struct lock *out)
{
	out->type = LOCK_MUTEX;
	out->kind = mutex_kind_name((enum mutex_type)(m->kind & KIND_TYPE), protocol_of(m->kind));
	out->addr = addr;
	out->holder = HOLDER_THREAD;
	out->owner = m->owner;
}

static bool read_mutex(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	struct mutex m;

	if (w->addr % 8 || s->read(s, w->addr, &m, sizeof(m)) || !is_locked_mutex(&m) ||
	    (m.kind & KIND_PI))
		return false;
	/* Robust ones are always waited for as shared ones are. */
	if (!(m.kind & KIND_ROBUST) && w->shared != !!(m.kind & KIND_SHARED))
		return false;
	if (!word_agrees(&m))
		return false;
	if (m.kind & KIND_ROBUST    ? !(w->val & FUTEX_WAITERS)
	    : m.kind & KIND_PROTECT ? m.lock != w->val
				    : w->val != LLL_CONTENDED)
		return false;
	set_mutex(&m, w->addr, out);
	out->shared = m.kind & KIND_SHARED;
	return true;
}

bool glibc_pi_mutex(const struct space *s, uint64_t addr, struct lock *out)
{
	struct mutex m;

	if (s->read(s, addr, &m, sizeof(m)) || !(m.kind & KIND_PI))
		return false;
	/* The kernel hands the word over before the new owner has written its name. */
	if (m.owner == 0 && m.lock) {
		m.owner = (int32_t)(m.lock & FUTEX_TID_MASK);
		m.nusers = m.nusers ? m.nusers : 1;
	}
	if (!is_locked_mutex(&m) || !word_agrees(&m))
		return false;
	set_mutex(&m, addr, out);
	out->shared = m.kind & KIND_SHARED;
	return true;
}

static bool is_rwlock(const struct rwlock *r)
{
	return r->pad3 == 0 && r->pad4 == 0 && r->pad2 == 0 && r->wrphase_futex <= RW_FUTEX_MAX &&
	       r->writers_futex <= RW_FUTEX_MAX && r->cur_writer >= 0 &&
	       r->cur_writer <= LOCK_TID_MAX && (r->shared == 0 || r->shared == 1) &&
	       r->flags <= 3 && r->readers >> RW_READER_SHIFT <= USERS_MAX &&
	       (r->writers & 0x7fffffff) <= USERS_MAX;
}

static void set_rwlock(const struct rwlock *r, uint64_t addr, bool writer, struct lock *out)
{
	out->type = writer ? LOCK_WRITE : LOCK_READ;
	out->addr = addr;
	out->holder = HOLDER_UNKNOWN;
	if ((r->readers & RW_WRPHASE) && (r->readers & RW_WRLOCKED)) {
		out->owner = r->cur_writer;
		out->holder = r->cur_writer ? HOLDER_THREAD : HOLDER_UNKNOWN;
	} else if (!(r->readers & RW_WRPHASE) && r->readers >> RW_READER_SHIFT) {
		out->readers = r->readers >> RW_READER_SHIFT;
		out->holder = HOLDER_READERS;
	}
}

/* A rwlock with the word that is waited for at @offset. */
static bool read_rwlock_at(const struct space *s, const struct futex_wait *w, unsigned int offset,
			   struct lock *out)
{
	uint64_t addr = w->addr - offset;
	struct rwlock r;
	bool writer;

	if (w->addr < offset || addr % 8 || s->read(s, addr, &r, sizeof(r)) || !is_rwlock(&r) ||
	    w->shared != (r.shared == 1))
		return false;
	switch (offset) {
	case offsetof(struct rwlock, wrphase_futex):
		/* A reader waits until the phase of the writers, 1, is over; a writer for it. */
		writer = (w->val & 1) == 0;
		if (r.wrphase_futex != w->val || !w->val || !(r.readers & RW_WRLOCKED))
			return false;
		break;
	case offsetof(struct rwlock, writers_futex):
		writer = true;
		if (w->val != RW_FUTEX_MAX || r.writers_futex != w->val || !r.writers)
			return false;
		break;
	default:
		/* Readers that let writers go first. */
		writer = false;
		if (r.readers != w->val || !(r.readers >> RW_READER_SHIFT) || !r.flags ||
		    !(r.readers & RW_WRLOCKED))
			return false;
	}
	set_rwlock(&r, addr, writer, out);
	return true;
}

static bool is_rwlock_old(const struct rwlock_old *r)
{
	return r->lock <= LLL_CONTENDED && r->nr_readers <= USERS_MAX &&
	       r->nr_readers_queued <= USERS_MAX && r->nr_writers_queued <= USERS_MAX &&
	       r->writer >= 0 && r->writer <= LOCK_TID_MAX && (r->shared == 0 || r->shared == 1) &&
	       !r->pad[0] && !r->pad[1] && r->flags <= 3;
}

static bool read_rwlock_old(const struct space *s, const struct futex_wait *w, unsigned int offset,
			    struct lock *out)
{
	bool writer = offset == offsetof(struct rwlock_old, writer_wakeup);
	uint64_t addr = w->addr - offset;
	struct rwlock_old r;

	if (w->addr < offset || addr % 8 || s->read(s, addr, &r, sizeof(r)))
		return false;
	if (!is_rwlock_old(&r) || w->shared != (r.shared == 1))
		return false;
	/* The words say little: at least the owner must be somebody. */
	if (r.writer && !s->thread(s, r.writer))
		return false;
	if (!(writer ? r.nr_writers_queued : r.nr_readers_queued) ||
	    w->val != (writer ? r.writer_wakeup : r.readers_wakeup) ||
	    (r.writer != 0) == (r.nr_readers != 0))
		return false;
	out->type = writer ? LOCK_WRITE : LOCK_READ;
	out->addr = addr;
	out->owner = r.writer;
	out->readers = r.nr_readers;
	out->holder = r.writer ? HOLDER_THREAD : HOLDER_READERS;
	return true;
}

static bool read_rwlock(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	return read_rwlock_at(s, w, offsetof(struct rwlock, wrphase_futex), out) ||
	       read_rwlock_at(s, w, offsetof(struct rwlock, writers_futex), out) ||
	       read_rwlock_at(s, w, offsetof(struct rwlock, readers), out) ||
	       read_rwlock_old(s, w, offsetof(struct rwlock_old, readers_wakeup), out) ||
	       read_rwlock_old(s, w, offsetof(struct rwlock_old, writer_wakeup), out);
}

/* Positions are handed out in order, the first group starts before the next position. */
static bool is_cond(const struct cond *c)
{
	uint64_t waiters = c->wrefs >> COND_WREFS_SHIFT;

	return waiters && waiters <= USERS_MAX && c->wseq >> 44 == 0 && waiters <= c->wseq >> 1 &&
	       c->g1_start >> 1 <= c->wseq >> 1 && c->g1_orig_size >> 2 <= USERS_MAX &&
	       c->g_size[0] <= USERS_MAX && c->g_size[1] <= USERS_MAX;
}

static bool read_cond(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t offset = offsetof(struct cond, g_signals) + 4 * (uint64_t)i;
		uint64_t addr = w->addr - offset;
		struct cond c;

		if (w->addr < offset || addr % 8 || s->read(s, addr, &c, sizeof(c)) || !is_cond(&c))
			continue;
		out->type = LOCK_COND;
		out->addr = addr;
		return true;
	}
	return false;
}

/* The kernel clears a thread's number in its struct pthread when it ends, and wakes who waits. */
static bool read_join(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint32_t word;

	if (!w->shared || w->val == 0 || w->val > LOCK_TID_MAX || !space_word(s, w->addr, &word) ||
	    word != w->val || !s->thread(s, (pid_t)word))
		return false;
#ifdef __x86_64__
	uint64_t self, addr = w->addr - PTHREAD_TID;

	if (w->addr < PTHREAD_TID || s->read(s, addr + PTHREAD_SELF, &self, sizeof(self)) ||
	    self != addr)
		return false;
#endif
	out->type = LOCK_JOIN;
	out->holder = HOLDER_THREAD;
	out->owner = (pid_t)word;
	out->shared = false;
	return true;
}

static bool read_sem(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint32_t sem[3]; /* value, waiters, FUTEX_PRIVATE_FLAG if shared */

	if (w->val != 0 || w->addr % 8 || s->read(s, w->addr, sem, sizeof(sem)))
		return false;
	if (sem[1] == 0 || sem[1] > USERS_MAX || sem[2] != (w->shared ? FUTEX_PRIVATE_FLAG : 0))
		return false;
	out->type = LOCK_SEM;
	return true;
}

/* The lock of a FILE: its owner is the address of a struct pthread, which points to itself. */
static bool read_stdio(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	struct {
		uint32_t lock;
		uint32_t count;
		uint64_t owner;
	} f;
	uint64_t self;
	uint32_t tid;

	if (w->val != LLL_CONTENDED || w->shared || w->addr % 8 ||
	    s->read(s, w->addr, &f, sizeof(f)) || f.lock != w->val || !f.count ||
	    f.count > USERS_MAX)
		return false;
	if (f.owner % 8 || f.owner > UINT64_MAX - PTHREAD_TID ||
	    s->read(s, f.owner + PTHREAD_SELF, &self, sizeof(self)) || self != f.owner ||
	    !space_word(s, f.owner + PTHREAD_TID, &tid) || !tid || tid > LOCK_TID_MAX ||
	    !s->thread(s, (pid_t)tid))
		return false;
	out->type = LOCK_STDIO;
	out->holder = HOLDER_THREAD;
	out->owner = (pid_t)tid;
	return true;
}

/* Locks inside the library, or a mutex that changes hands: a lock in any case. */
static bool read_contended(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint32_t word;

	if (w->val != LLL_CONTENDED || w->timed || !space_word(s, w->addr, &word) ||
	    word > LLL_CONTENDED)
		return false;
	out->type = LOCK_MUTEX;
	out->holder = HOLDER_UNKNOWN;
	return true;
}

bool glibc_lock(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	return read_mutex(s, w, out) || read_join(s, w, out) || read_stdio(s, w, out) ||
	       read_rwlock(s, w, out) || read_cond(s, w, out) || read_sem(s, w, out) ||
	       read_contended(s, w, out);
}
