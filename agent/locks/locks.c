// SPDX-License-Identifier: GPL-2.0-or-later
#include "locks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../threads/dump.h"
#include "fds.h"
#include "parts.h"
#include "waits.h"

struct space *locks_space(struct locks *l, uint32_t i)
{
	return &l->tasks.processes[l->tasks.process_of[i]].space;
}

static int allocate(struct locks *l, size_t n)
{
	l->waits = calloc(n + 1, sizeof(*l->waits));
	l->found = calloc(n + 1, sizeof(*l->found));
	l->flags = calloc(n + 1, sizeof(*l->flags));
	l->fds = calloc(n + 1, sizeof(*l->fds));
	l->nodes = calloc(n + 1, sizeof(*l->nodes));
	return l->waits && l->found && l->flags && l->fds && l->nodes ? 0 : -ENOMEM;
}

static bool find_file_lock(struct locks *l, uint32_t i, struct lock *out)
{
	const struct dump_thread *t = &l->tasks.threads[i];
	enum lock_type type = file_locks_type(t->syscall, t->args);
	const struct file_lock *blocker;

	*out = (struct lock){.type = type, .kind = "", .holder = HOLDER_UNKNOWN, .shared = true};
	blocker = file_locks_blocker(&l->file_locks, type, t->pid,
				     file_locks_inode(t->pid, l->fds[i]));
	if (blocker && blocker->pid > 0) {
		out->holder = HOLDER_PROCESS;
		out->owner = blocker->pid;
	}
	if (blocker)
		out->kind = blocker->write ? "exclusive" : "shared";
	return true;
}

bool locks_find(struct locks *l, uint32_t i, struct lock *out)
{
	const struct dump_thread *t = &l->tasks.threads[i];
	struct space *s = locks_space(l, i);
	struct futex_wait w;

	if (l->flags[i] & THREAD_FILE)
		return find_file_lock(l, i, out);
	if (!futex_wait_read(s, t->syscall, t->args, &w))
		return false;
	if (l->flags[i] & THREAD_PARKED)
		return locks_find_parked(l, i, out);
	lock_read(s, &w, t->sp, out);
	return true;
}

/* Looks at one thread; nothing is known of the others yet. */
static int examine(struct locks *l, uint32_t i, struct fds *fds)
{
	const struct dump_thread *t = &l->tasks.threads[i];
	struct lock_wait *wait = &l->waits[i];
	struct wait_reason why;

	wait_reason(locks_space(l, i), t, fds, &why);
	wait->kind = why.kind;
	wait->reason = why.reason;
	wait->detail = why.detail[0] ? strdup(why.detail) : "";
	if (!wait->detail) {
		wait->detail = "";
		return -ENOMEM;
	}
	l->nodes[i].process = l->tasks.process_of[i];
	l->nodes[i].by = t->state == 'Z' || t->state == 'X' ? RELEASE_DEAD : RELEASE_FREE;
	l->flags[i] |=
		(why.signal ? THREAD_SIGNAL : 0) | (why.kind == WAIT_SLEEP ? THREAD_SLEEPS : 0);
	l->fds[i] = why.fd;
	if (why.kind != WAIT_LOCK || !t->known || t->compat)
		return 0;
	if (why.file_lock) {
		l->flags[i] |= THREAD_FILE;
		if (!l->file_locks_known && file_locks_read(&l->file_locks) == -ENOMEM)
			return -ENOMEM;
		l->file_locks_known = true;
	}
	if (locks_find(l, i, &l->found[i])) {
		l->flags[i] |= THREAD_FUTEX;
		locks_resolve(l, i);
	}
	return 0;
}

static int solve(struct locks *l)
{
	int err;

	graph_deinit(&l->sure);
	graph_deinit(&l->likely);
	for (uint32_t i = 0; i < l->tasks.n; i++) {
		bool main = l->tasks.threads[i].tid == l->tasks.threads[i].pid;

		l->nodes[i].idle =
			(l->flags[i] & THREAD_SIGNAL) || (main && (l->flags[i] & THREAD_SLEEPS));
	}
	err = graph_solve(l->nodes, (uint32_t)l->tasks.n, l->tasks.nprocesses, false, &l->sure);
	return err ? err
		   : graph_solve(l->nodes, (uint32_t)l->tasks.n, l->tasks.nprocesses, true,
				 &l->likely);
}

/* What a verdict rests on: the members of its groups; of a knot, all threads of the process. */
static void mark(struct locks *l, const struct graph *g)
{
	for (uint32_t k = 0; k < g->ngroups; k++) {
		const struct graph_group *group = &g->groups[k];

		for (uint32_t m = 0; m < group->n; m++)
			l->flags[g->members[group->first + m]] |= THREAD_CHECK;
		for (uint32_t i = 0; group->kind == GRAPH_KNOT && i < l->tasks.n; i++)
			if (l->tasks.process_of[i] == group->process)
				l->flags[i] |= THREAD_CHECK;
	}
}

/* Takes back what does not hold any more; true when there was something. */
static bool forget_moved(struct locks *l)
{
	bool any = false;

	for (uint32_t i = 0; i < l->tasks.n; i++) {
		if (!(l->flags[i] & THREAD_MOVED))
			continue;
		any = true;
		if (l->nodes[i].by != RELEASE_DEAD)
			l->nodes[i].by = RELEASE_FREE;
		l->flags[i] &= (uint8_t) ~(THREAD_SIGNAL | THREAD_SLEEPS);
		if (l->flags[i] & THREAD_FUTEX) {
			l->found[i].holder = HOLDER_UNKNOWN;
			l->waits[i].owner = 0;
			l->waits[i].owner_gone = false;
		}
	}
	return any;
}

/*
 * A sleeping main thread may well hold a lock. That it does not is believed only where the readers
 * of a rwlock are sought, and as many threads as there are readers wait behind the writer for
 * another lock, which it holds.
 */
static bool readers_are_behind(const struct locks *l, const struct graph *g,
			       const struct graph_group *group)
{
	for (uint32_t m = 0; m < group->n; m++) {
		uint32_t writer = g->members[group->first + m], behind = 0;

		if (l->found[writer].holder != HOLDER_READERS)
			continue;
		for (uint32_t i = 0; i < g->n; i++)
			behind += g->stuck[i] && g->next[i] == writer &&
				  l->found[i].type != LOCK_JOIN;
		if (behind && l->found[writer].readers <= behind)
			return true;
	}
	return false;
}

static bool is_believed(const struct locks *l, const struct graph_group *group)
{
	uint32_t sleepers = 0;

	if (l->sure.stuck[l->likely.members[group->first]])
		return false; /* that is known already, and for sure */
	for (uint32_t i = 0; i < l->tasks.n; i++)
		sleepers +=
			l->tasks.process_of[i] == group->process && (l->flags[i] & THREAD_SLEEPS);
	return sleepers == 0 || readers_are_behind(l, &l->likely, group);
}

static void collect(struct locks *l)
{
	for (uint32_t k = 0; k < l->sure.ngroups; k++) {
		struct deadlock d = {.graph = &l->sure, .group = k};

		buf_append(&l->deadlocks, &d, sizeof(d));
	}
	for (uint32_t k = 0; k < l->likely.ngroups; k++) {
		struct deadlock d = {.graph = &l->likely, .group = k, .likely = true};

		if (l->likely.groups[k].kind == GRAPH_KNOT && is_believed(l, &l->likely.groups[k]))
			buf_append(&l->deadlocks, &d, sizeof(d));
	}
}

static int judge(struct locks *l)
{
	int err = solve(l);

	if (err)
		return err;
	mark(l, &l->sure);
	mark(l, &l->likely);
	locks_check(l);
	if (forget_moved(l)) {
		err = solve(l);
		if (err)
			return err;
	}
	collect(l);
	return locks_find_convoys(l);
}

int locks_read(const struct dump_thread *threads, size_t n, bool details, struct locks **out)
{
	struct locks *l = calloc(1, sizeof(*l));
	struct fds *fds = details ? fds_create() : NULL;
	int err = l && (fds || !details) ? tasks_init(&l->tasks, threads, n) : -ENOMEM;

	if (!err)
		err = allocate(l, n);
	for (uint32_t i = 0; !err && i < n; i++)
		err = examine(l, i, fds);
	fds_destroy(fds);
	if (!err) {
		locks_find_all_parked(l);
		err = judge(l);
	}
	for (uint32_t i = 0; !err && i < n; i++)
		if ((l->flags[i] & THREAD_FUTEX) && !locks_describe(l, i))
			err = -ENOMEM;
	if (!err)
		err = buf_error(&l->deadlocks) ? -ENOMEM : buf_error(&l->outside);
	if (err)
		locks_free(l);
	else
		*out = l;
	return err;
}

void locks_free(struct locks *l)
{
	if (!l)
		return;
	for (size_t i = 0; l->waits && i < l->tasks.n; i++)
		if (l->waits[i].detail && l->waits[i].detail[0])
			free((char *)l->waits[i].detail);
	free(l->waits);
	free(l->found);
	free(l->flags);
	free(l->fds);
	free(l->nodes);
	buf_deinit(&l->file_locks);
	buf_deinit(&l->outside);
	buf_deinit(&l->deadlocks);
	buf_deinit(&l->convoys);
	buf_deinit(&l->convoy_members);
	graph_deinit(&l->sure);
	graph_deinit(&l->likely);
	tasks_deinit(&l->tasks);
	free(l);
}

const struct lock_wait *locks_wait(const struct locks *l, size_t i)
{
	return &l->waits[i];
}

const pid_t *locks_outside(const struct locks *l, size_t *n)
{
	*n = l->outside.len / sizeof(pid_t);
	return (const pid_t *)(const void *)l->outside.data;
}

size_t locks_deadlocks(const struct locks *l)
{
	return l->deadlocks.len / sizeof(struct deadlock);
}

size_t locks_convoys(const struct locks *l)
{
	return l->convoys.len / sizeof(struct convoy);
}
