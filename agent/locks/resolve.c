// SPDX-License-Identifier: GPL-2.0-or-later
/* From the claim that is in memory to a thread of the dump, or to the fact that there is none. */
#include <string.h>

#include "../threads/dump.h"
#include "parts.h"

static void add_outside(struct locks *l, pid_t pid)
{
	size_t n;
	const pid_t *have = locks_outside(l, &n);

	for (size_t i = 0; i < n; i++)
		if (have[i] == pid)
			return;
	if (n < LOCKS_OUTSIDE_MAX)
		buf_append(&l->outside, &pid, sizeof(pid));
}

static bool has_ended(const struct dump_thread *t)
{
	return t->state == 'Z' || t->state == 'X';
}

static void set_gone(struct locks *l, uint32_t i, pid_t owner)
{
	l->waits[i].owner = owner;
	l->waits[i].owner_gone = true;
	l->nodes[i].by = RELEASE_NEVER;
}

static void set_owner(struct locks *l, uint32_t i, uint32_t owner)
{
	l->waits[i].owner = l->tasks.threads[owner].tid;
	l->nodes[i].by = RELEASE_THREAD;
	l->nodes[i].owner = owner;
}

/* An owner in other processes: believed when they have the same memory. */
static void resolve_elsewhere(struct locks *l, uint32_t i, struct task_process *p, pid_t owner)
{
	int64_t at = tasks_find(&l->tasks, owner);
	pid_t pid = at >= 0 ? l->tasks.threads[at].pid : task_group(owner);

	if (!pid) {
		set_gone(l, i, owner);
		return;
	}
	if (at < 0) {
		l->waits[i].owner = owner;
		add_outside(l, pid);
		return;
	}
	if (task_same_memory(p, l->found[i].addr, tasks_process(&l->tasks, pid)))
		set_owner(l, i, (uint32_t)at);
	else
		l->found[i].holder = HOLDER_UNKNOWN;
}

static void resolve_thread(struct locks *l, uint32_t i)
{
	struct task_process *p = &l->tasks.processes[l->tasks.process_of[i]];
	const struct lock *lock = &l->found[i];
	pid_t owner = task_global(p, lock->owner);
	int64_t at = owner ? tasks_find(&l->tasks, owner) : -1;

	if (at >= 0 && l->tasks.threads[at].pid == p->space.pid) {
		if (has_ended(&l->tasks.threads[at]))
			set_gone(l, i, owner);
		else
			set_owner(l, i, (uint32_t)at);
	} else if (owner && task_exists(p->space.pid, owner)) {
		l->waits[i].owner = owner; /* younger than the dump */
	} else if (lock->shared && owner) {
		resolve_elsewhere(l, i, p, owner);
	} else if (lock->type == LOCK_MUTEX && !lock->shared) {
		set_gone(l, i, owner ? owner : lock->owner);
	} else if (!lock->shared && (lock->type == LOCK_READ || lock->type == LOCK_WRITE)) {
		set_gone(l, i, owner ? owner : lock->owner);
	} else {
		l->found[i].holder = HOLDER_UNKNOWN;
	}
}

static void resolve_process(struct locks *l, uint32_t i)
{
	pid_t pid = l->found[i].owner;
	const struct task_process *p = tasks_process(&l->tasks, pid);
	int64_t leader = tasks_find(&l->tasks, pid);

	l->waits[i].owner = pid;
	if (!p) {
		if (task_group(pid) == pid)
			add_outside(l, pid);
		return;
	}
	if (p->nthreads == 1 && leader >= 0) {
		set_owner(l, i, (uint32_t)leader);
		return;
	}
	l->nodes[i].by = RELEASE_PROCESS;
	l->nodes[i].owner = p->index;
}

void locks_resolve(struct locks *l, uint32_t i)
{
	struct lock *lock = &l->found[i];

	l->waits[i].lock = lock->type == LOCK_FUTEX ? 0 : lock->addr;
	l->waits[i].owner = 0;
	l->waits[i].owner_gone = false;
	l->nodes[i].by = RELEASE_FREE;
	switch (lock->holder) {
	case HOLDER_THREAD:
		resolve_thread(l, i);
		break;
	case HOLDER_PROCESS:
		resolve_process(l, i);
		break;
	case HOLDER_READERS:
	case HOLDER_SOMEONE:
		/* Of shared memory nobody knows all processes. */
		if (!lock->shared) {
			l->nodes[i].by = RELEASE_PROCESS;
			l->nodes[i].owner = l->tasks.process_of[i];
		}
		break;
	case HOLDER_NOBODY:
		l->nodes[i].by = RELEASE_NEVER;
		break;
	case HOLDER_NONE:
	case HOLDER_UNKNOWN:
		break;
	}
	/* A wait that ends by itself is no deadlock. */
	if (lock->timed)
		l->nodes[i].by = RELEASE_FREE;
}
