/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Processes as /proc shows them now. */
#ifndef KPPROF_FIND_H
#define KPPROF_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../base/buf.h"

struct target;

/**
 * find_processes() - the processes that a target means now
 * @t: target; the whole box means all
 * @pids: pid_t are appended, in no order
 *
 * Return: 0; -ESRCH when there is none (a thread's id is no process); -ENOMEM, -errno.
 */
int find_processes(const struct target *t, struct buf *pids);

/** process_alive() - whether a process has a thread that has not ended yet */
bool process_alive(pid_t pid);

/** process_started() - when a process started, in clock ticks since boot; 0 when it is gone. With
 * its ID it names the process for ever */
unsigned long long process_started(pid_t pid);

/** process_cpu_ns() - CPU time of all its threads, in nanoseconds, as the scheduler counts it; 0
 * when it is gone */
uint64_t process_cpu_ns(pid_t pid);

/**
 * find_threads() - number of threads of the processes that a target means, 0 when there are none
 */
unsigned int find_threads(const struct target *t);

/** find_tasks() - append the thread IDs (pid_t) of a process, the leader's among them; 0 or -errno
 */
int find_tasks(pid_t pid, struct buf *tids);

/** process_status() - a number in /proc/PID/status, such as "VmHWM" in KiB; -1 when it is not there
 */
long process_status(pid_t pid, const char *name);

/**
 * proc_read() - append a file of /proc/PID, and a NUL
 * @max: refuse more than this many bytes
 *
 * Return: 0; -ESRCH when the process is gone; -EFBIG; -errno.
 */
int proc_read(pid_t pid, const char *name, size_t max, struct buf *out);

#endif /* KPPROF_FIND_H */
