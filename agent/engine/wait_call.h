/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sleeping thread waits for, from the system call that it is in: what the module knows,
 * which does not look at kernel stacks.
 */
#ifndef KPPROF_WAIT_CALL_H
#define KPPROF_WAIT_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "../locks/locks.h"

/**
 * struct wait_call - a wait
 * @nr: system call, -1 for none
 * @args: its arguments
 * @mode: st_mode of what its first argument names, if that may be a descriptor; 0 when not known
 * @flags: KPPROF_SCHED_*
 * @compat: the call is one of 32-bit code, whose numbers are others
 */
struct wait_call {
	long nr;
	const uint64_t *args;
	uint32_t mode;
	uint32_t flags;
	bool compat;
};

/** wait_call() - the kind of a wait */
enum wait_kind wait_call(const struct wait_call *c);

#endif /* KPPROF_WAIT_CALL_H */
