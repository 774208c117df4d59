// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The second look. A dump is not of one moment: a thread may have run between the reading of its
 * system call and that of the lock. A verdict therefore rests only on threads that have not run
 * while everything was read again: their context switches are counted before and after, and
 * between the two all of them are in the same system call and all locks say the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../threads/dump.h"
#include "../threads/proc.h"
#include "parts.h"

/* A file of a thread under /proc is a page. */
enum { TASK_FILE_BYTES = 16 << 10 };

static int read_task_file(const struct dump_thread *t, const char *file, struct buf *out)
{
	char name[64];

	snprintf(name, sizeof(name), "task/%d/%s", (int)t->tid, file);
	return proc_read(t->pid, name, TASK_FILE_BYTES, out);
}

/* How often a thread has been taken off a CPU; UINT64_MAX when it is gone. */
static uint64_t switches(const struct dump_thread *t)
{
	_cleanup_buf_ struct buf text = {0};
	uint64_t n;

	return read_task_file(t, "status", &text) || proc_switches_parse(text.data, &n) ? UINT64_MAX
											: n;
}

/* Whether the thread is in the system call of the dump. */
static bool same_call(const struct dump_thread *t)
{
	_cleanup_buf_ struct buf text = {0};
	struct proc_syscall now;

	if (!t->known || !t->in_syscall || read_task_file(t, "syscall", &text) ||
	    proc_syscall_parse(text.data, &now))
		return false;
	return !now.running && now.in_syscall && now.nr == t->syscall &&
	       memcmp(now.args, t->args, sizeof(now.args)) == 0 && now.sp == t->sp;
}

static bool same_lock(struct locks *l, uint32_t i)
{
	const struct lock *was = &l->found[i];
	pid_t owner = l->waits[i].owner;
	bool gone = l->waits[i].owner_gone;
	struct lock is;

	if (!locks_find(l, i, &is) || is.type != was->type || is.addr != was->addr ||
	    is.holder != was->holder || is.owner != was->owner)
		return false;
	/* Also whether the owner is there, after its number was read again. */
	locks_resolve(l, i);
	return l->waits[i].owner == owner && l->waits[i].owner_gone == gone;
}

/* Whether "whoever holds it" was said of all threads that the process has. */
static bool all_threads_known(struct locks *l, uint32_t i)
{
	const struct graph_node *node = &l->nodes[i];
	const struct task_process *p;

	if (node->by != RELEASE_PROCESS)
		return true;
	p = &l->tasks.processes[node->owner];
	return process_status(p->space.pid, "Threads") == (long)p->nthreads;
}

static bool holds_still(struct locks *l, uint32_t i)
{
	if (l->nodes[i].by == RELEASE_DEAD)
		return true;
	if (!same_call(&l->tasks.threads[i]))
		return false;
	return !(l->flags[i] & THREAD_FUTEX) || (same_lock(l, i) && all_threads_known(l, i));
}

void locks_check(struct locks *l)
{
	const struct dump_thread *threads = l->tasks.threads;
	_cleanup_free_ uint64_t *before = calloc(l->tasks.n + 1, sizeof(*before));

	for (uint32_t i = 0; before && i < l->tasks.n; i++)
		if (l->flags[i] & THREAD_CHECK)
			before[i] = switches(&threads[i]);
	if (l->file_locks_known) {
		buf_deinit(&l->file_locks);
		file_locks_read(&l->file_locks);
	}
	for (uint32_t i = 0; i < l->tasks.n; i++)
		if ((l->flags[i] & THREAD_CHECK) && (!before || !holds_still(l, i)))
			l->flags[i] |= THREAD_MOVED;
	for (uint32_t i = 0; before && i < l->tasks.n; i++)
		if ((l->flags[i] & THREAD_CHECK) && l->nodes[i].by != RELEASE_DEAD &&
		    (before[i] == UINT64_MAX || switches(&threads[i]) != before[i]))
			l->flags[i] |= THREAD_MOVED;
}
