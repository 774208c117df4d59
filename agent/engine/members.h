/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes belong to a target, from a moment on and through forks and execs. */
#ifndef KPPROF_MEMBERS_H
#define KPPROF_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "target.h"

/**
 * struct members - the processes of a target; storage is the caller's
 * @target: how they are chosen
 * @pids: the processes in order; none for TARGET_BOX, of which all are
 * @n: how many
 * @cap: room
 * @found: when members_find() looked
 */
struct members {
	struct target target;
	pid_t *pids;
	size_t n;
	size_t cap;
	uint64_t found;
};

/**
 * members_find() - the processes that a target means now
 * @m: out; to be given to members_deinit() whatever is returned
 * @target: copied
 *
 * Return: 0; -ESRCH when there is none (a thread's id is no process); -ENOMEM.
 */
int members_find(struct members *m, const struct target *target);

/** members_has() - whether a process belongs to the target */
bool members_has(const struct members *m, pid_t pid);

/**
 * members_fork() - a process made another: a member's child is one, anything else with that pid is
 * not
 * @time: when, CLOCK_MONOTONIC ns; what is older than members_find() says nothing of those that it
 *	has found
 */
void members_fork(struct members *m, pid_t ppid, pid_t pid, uint64_t time);

/** members_exec() - a process has a new name, and may be meant by it */
void members_exec(struct members *m, pid_t pid, const char *comm);

/** members_alive() - whether a member is still there, a zombie is not */
bool members_alive(const struct members *m);

/** members_deinit() - forget them */
void members_deinit(struct members *m);

#endif /* KPPROF_MEMBERS_H */
