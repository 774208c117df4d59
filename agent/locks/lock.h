/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What memory says of the thing that a thread waits for. The C libraries' layouts are in glibc.c
 * and musl.c; what is in memory is a claim, which is believed only where it contradicts nothing.
 */
#ifndef KPPROF_LOCK_H
#define KPPROF_LOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "futex.h"
#include "space.h"

/* What a thread can wait for: LOCK_ID, reason, name. */
#define KPPROF_LOCK_TYPES(T)                       \
	T(FUTEX, "futex wait", "futex")            \
	T(MUTEX, "mutex lock", "mutex")            \
	T(READ, "rwlock read lock", "rwlock")      \
	T(WRITE, "rwlock write lock", "rwlock")    \
	T(RWLOCK, "rwlock lock", "rwlock")         \
	T(STDIO, "stdio lock", "lock of a FILE")   \
	T(JOIN, "thread join", "end of a thread")  \
	T(COND, "cond wait", "condition variable") \
	T(SEM, "semaphore wait", "semaphore")      \
	T(FLOCK, "flock", "flock lock")            \
	T(POSIX, "fcntl lock", "fcntl lock")       \
	T(OFD, "fcntl lock", "open file description lock")

enum lock_type {
#define T(id, reason, name) LOCK_##id,
	KPPROF_LOCK_TYPES(T)
#undef T
		LOCK_TYPES_N
};

/* Who can end a wait. */
enum lock_holder {
	HOLDER_NONE,	/* no lock, so nobody in particular */
	HOLDER_THREAD,	/* struct lock.owner */
	HOLDER_PROCESS, /* struct lock.owner, one of its threads; as we count */
	HOLDER_READERS, /* somebody: a rwlock does not record who reads */
	HOLDER_SOMEONE, /* somebody: this kind of lock records none */
	HOLDER_NOBODY,	/* whoever it is, the library never asks again: see park.h */
	HOLDER_UNKNOWN, /* what is in memory makes no sense, or changed meanwhile */
};

/**
 * struct lock - what a thread waits for, as it is in memory
 * @type: what it is
 * @kind: for people, of a mutex: "recursive"; "" for none. Static text
 * @addr: of the object
 * @holder: who can end the wait
 * @owner: thread, as the process itself counts
 * @readers: of HOLDER_READERS, how many
 * @shared: lies in memory that several processes may have
 * @timed: the wait ends by itself
 * @guessed: which lock it is was concluded, see park_near()
 */
struct lock {
	enum lock_type type;
	const char *kind;
	uint64_t addr;
	enum lock_holder holder;
	pid_t owner;
	uint32_t readers;
	bool shared;
	bool timed;
	bool guessed;
};

/* Nothing larger is a thread: FUTEX_TID_MASK. */
enum { LOCK_TID_MASK = 0x3fffffff, LOCK_TID_MAX = 1 << 22 };

/** lock_reason() - of a type: "mutex lock" */
const char *lock_reason(enum lock_type t);

/** lock_name() - of a type: "mutex" */
const char *lock_name(enum lock_type t);

/**
 * lock_read() - find out what a thread waits for
 * @s: its memory
 * @w: its wait
 * @sp: its stack pointer, 0 when not known
 * @out: LOCK_FUTEX when it is nothing that is known
 */
void lock_read(const struct space *s, const struct futex_wait *w, uint64_t sp, struct lock *out);

/**
 * lock_pi_mutex() - whether there is a priority-inheriting mutex at @addr, and whose
 * @out: the mutex, with its owner
 */
bool lock_pi_mutex(const struct space *s, uint64_t addr, struct lock *out);

/*
 * The layouts. Each returns whether the wait is one of that library, and fills in @out, which has
 * addr, shared and timed of the wait already.
 */

/** glibc_lock() - glibc 2.24 and later, 64 bits */
bool glibc_lock(const struct space *s, const struct futex_wait *w, struct lock *out);

/** glibc_pi_mutex() - see lock_pi_mutex() */
bool glibc_pi_mutex(const struct space *s, uint64_t addr, struct lock *out);

/** musl_lock() - musl 1.1 and later, 64 bits */
bool musl_lock(const struct space *s, const struct futex_wait *w, uint64_t sp, struct lock *out);

/** musl_pi_mutex() - see lock_pi_mutex() */
bool musl_pi_mutex(const struct space *s, uint64_t addr, struct lock *out);

#endif /* KPPROF_LOCK_H */
