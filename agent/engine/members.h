/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes belong to a capture, from its start and through forks and execs. */
#ifndef KPPROF_MEMBERS_H
#define KPPROF_MEMBERS_H

#include <stdbool.h>
#include <sys/types.h>

struct cpu_capture;

/**
 * members_find() - the processes that a capture's target means now
 *
 * Return: 0; -ESRCH when there is none (a thread's id is no process); -ENOMEM.
 */
int members_find(struct cpu_capture *c);

/** members_has() - whether a process belongs to the capture */
bool members_has(const struct cpu_capture *c, pid_t pid);

/** members_fork() - a process made another: a member's child is one, anything else with that pid is
 * not */
void members_fork(struct cpu_capture *c, pid_t ppid, pid_t pid);

/** members_exec() - a process has a new name, and may be meant by it */
void members_exec(struct cpu_capture *c, pid_t pid, const char *comm);

/** members_alive() - whether any member still runs; true for the whole box */
bool members_alive(const struct cpu_capture *c);

/** members_deinit() - forget them */
void members_deinit(struct cpu_capture *c);

#endif /* KPPROF_MEMBERS_H */
