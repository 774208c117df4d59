/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module's watches of waits, as its client (kmod.h). */
#ifndef KPPROF_KMOD_WATCH_H
#define KPPROF_KMOD_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct kmod;

/**
 * kmod_watch() - make a watch, or add processes to one
 * @arm: of kmod_arm_get()
 * @what: enum kpprof_watch bits
 * @rate: nanoseconds; the same each time, as @what
 * @box: all processes
 * @pids: processes; those that are gone are left out
 * @n: how many
 *
 * Return: 0; -EBUSY when the module works for somebody else; -errno. kmod_error() has the text.
 */
int kmod_watch(struct kmod *k, unsigned int arm, uint32_t what, uint64_t rate, bool box,
	       const pid_t *pids, size_t n);

/** kmod_unwatch() - processes that a watch no longer looks at; nothing when @n is 0 */
void kmod_unwatch(struct kmod *k, unsigned int arm, const pid_t *pids, size_t n);

/**
 * struct kmod_governor - what watches cost, and what is done about it; from the module's STATUS
 * @budget: what they may cost, in thousandths of a CPU
 * @slowed: how often the rates are doubled now
 * @dropped: since the module was loaded: what could not be told for want of memory
 * @busy_ns: since then: time in the scheduler's probes
 */
struct kmod_governor {
	uint32_t budget;
	uint32_t slowed;
	uint64_t dropped;
	uint64_t busy_ns;
};

/** kmod_governor_read() - ask; 0 or -errno */
int kmod_governor_read(struct kmod *k, struct kmod_governor *out);

/** kmod_slowed_rate() - the rate, in nanoseconds, at which a watch's waits are chosen now */
uint64_t kmod_slowed_rate(const struct kmod_governor *g, uint64_t rate);

/**
 * struct kmod_wait - a thread that waits, or has not told of its waits yet
 * @arms: watches that look at it
 * @begin: since when it waits, CLOCK_MONOTONIC ns; 0 when it does not
 * @woken: since when it could run and does not; 0 when it could not
 * @ns: of waits that are over and were not told
 */
struct kmod_wait {
	pid_t pid;
	pid_t tid;
	uint32_t arms;
	uint64_t begin;
	uint64_t woken;
	uint64_t ns;
};

/**
 * kmod_waits() - ask for all threads that wait
 * @out: struct kmod_wait is appended, by thread
 *
 * Return: 0, -ENOMEM, -errno.
 */
int kmod_waits(struct kmod *k, struct buf *out);

#endif /* KPPROF_KMOD_WATCH_H */
