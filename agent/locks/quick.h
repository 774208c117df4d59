/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Only how many deadlocks there are: without stacks and names, at once. */
#ifndef KPPROF_LOCKS_QUICK_H
#define KPPROF_LOCKS_QUICK_H

#include <sys/types.h>

#include "../base/buf.h"

struct target;

/* More threads than this are not looked at without being asked for: some 50 ms. */
enum { QUICK_THREADS_MAX = 4096 };

/**
 * quick_read() - append struct dump_thread for each thread of a process, as /proc has them now
 *
 * Without stacks. One that does not sleep is not known, one that ends meanwhile is left out.
 */
void quick_read(pid_t pid, struct buf *threads);

/**
 * quick_deadlocks() - number of deadlocks that threads of a target are in
 *
 * Also of those that go through processes which are not of the target. Blocks for the time that it
 * takes to read two files of each thread.
 *
 * Return: the number; 0 also for more than QUICK_THREADS_MAX threads, and when it cannot be said.
 */
unsigned int quick_deadlocks(const struct target *t);

#endif /* KPPROF_LOCKS_QUICK_H */
