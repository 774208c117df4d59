/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Threads that a C library has put to sleep for good. The kernel refuses to lock a
 * priority-inheriting mutex when that would close a cycle (EDEADLK); the library then waits inside
 * its lock function on a variable of its own stack frame that nobody knows. The mutex has to be
 * found.
 */
#ifndef KPPROF_PARK_H
#define KPPROF_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include "lock.h"

struct dump_thread;

/** park_is_likely() - whether a wait is of that sort: for a word of the own stack, without end */
bool park_is_likely(const struct futex_wait *w, uint64_t sp);

/**
 * park_find() - the mutex that a parked thread asked for
 * @s: its memory
 * @t: the thread
 * @leads_back: whether the owner of a mutex waits, through others, for this thread: 2 when it is
 *	another thread that does, 1 when it is this one itself, 0 when not
 * @ctx: for @leads_back
 * @out: the mutex
 *
 * Looks into the registers that functions must keep, when they are known, and else at what lies on
 * the stack next to the wait. The kernel refused because of a cycle, so a mutex whose owner does
 * not lead back is another one.
 */
bool park_find(const struct space *s, const struct dump_thread *t,
	       int (*leads_back)(void *ctx, pid_t owner), void *ctx, struct lock *out);

/**
 * park_near() - mutexes that a parked thread can have asked for, beside one that is known
 * @s: memory
 * @addr: a priority-inheriting mutex of the same process
 * @leads_back: see park_find(); those of other threads only are looked for
 * @ctx: for @leads_back
 * @out: in and out: the one that was found so far
 * @n: in and out: how many were found so far
 *
 * Where neither registers nor the stack have the address, what remains are the locks next to those
 * that others wait for: if just one of them closes the cycle, it is that one, in all probability.
 */
void park_near(const struct space *s, uint64_t addr, int (*leads_back)(void *ctx, pid_t owner),
	       void *ctx, struct lock *out, unsigned int *n);

#endif /* KPPROF_PARK_H */
