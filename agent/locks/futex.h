/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A system call of the futex family, as far as it waits. */
#ifndef KPPROF_FUTEX_H
#define KPPROF_FUTEX_H

#include <stdbool.h>
#include <stdint.h>

#include "space.h"

/**
 * struct futex_wait - what a thread sleeps on
 * @addr: of the futex word
 * @val: that the word had when it went to sleep; 0 for @pi, of which the kernel knows itself
 * @shared: the word may lie in memory of several processes
 * @pi: the kernel lends the owner, whose number is in the word, the waiter's priority
 * @timed: the wait ends by itself
 * @requeue: waits for a condition variable with a PI mutex
 * @many: one word of several
 * @bitset: as glibc waits, which others rarely do
 */
struct futex_wait {
	uint64_t addr;
	uint32_t val;
	bool shared;
	bool pi;
	bool timed;
	bool requeue;
	bool many;
	bool bitset;
};

/**
 * futex_wait_read() - look at a system call
 * @s: memory of the caller, for futex_waitv(2); of its words the first counts
 * @nr: number of the system call
 * @args: its arguments
 * @out: the wait
 *
 * Return: false when it is no wait on a futex.
 */
bool futex_wait_read(const struct space *s, long nr, const uint64_t args[6],
		     struct futex_wait *out);

#endif /* KPPROF_FUTEX_H */
