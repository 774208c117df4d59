// SPDX-License-Identifier: GPL-2.0-or-later
#include "wait_call.h"

#include <sys/stat.h>
#include <sys/syscall.h>

#include "../../uapi/kpprof.h"
#include "../locks/waits.h"

/* Calls in which nothing but a signal, or the time, is waited for: idleness, as the kernel
 * functions that the perf backend goes by say. */
static bool is_pause(long nr)
{
	switch (nr) {
	case SYS_rt_sigsuspend:
	case SYS_rt_sigtimedwait:
#ifdef SYS_pause
	case SYS_pause:
#endif
		return true;
	}
	return false;
}

/* A parent that waits for its child's execve() cannot be interrupted, and waits for no disk. */
static bool makes_process(long nr)
{
	switch (nr) {
	case SYS_clone:
	case 435: /* clone3 */
#ifdef SYS_vfork
	case SYS_vfork:
#endif
		return true;
	}
	return false;
}

/* What a descriptor is says what a read of it waits for. */
static enum wait_kind of_descriptor(uint32_t mode)
{
	if (S_ISFIFO(mode))
		return WAIT_PIPE;
	return S_ISSOCK(mode) ? WAIT_NET : WAIT_IO;
}

enum wait_kind wait_call(const struct wait_call *c)
{
	enum wait_kind kind = WAIT_OTHER;

	if (c->flags & KPPROF_SCHED_PREEMPTED)
		return WAIT_RUNQUEUE;
	if (c->flags & KPPROF_SCHED_STOPPED)
		return WAIT_OTHER;
	if (c->nr < 0)
		return WAIT_FAULT;
	if (!c->compat && is_pause(c->nr))
		return WAIT_SLEEP;
	/* io_uring_enter(2) waits for whatever was begun before. */
	if (!c->compat && c->nr == 426)
		return WAIT_POLL;
	if (!c->compat)
		kind = wait_call_kind(c->nr, c->args);
	if (kind == WAIT_IO)
		kind = of_descriptor(c->mode);
	if ((kind == WAIT_IO || kind == WAIT_OTHER) &&
	    c->flags & (KPPROF_SCHED_IOWAIT | KPPROF_SCHED_DEEP) &&
	    (c->compat || !makes_process(c->nr)))
		return WAIT_DISK;
	return kind;
}
