// SPDX-License-Identifier: GPL-2.0-or-later
#include "members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/loop.h"
#include "find.h"

/* Where a pid is among the members, or belongs. */
static size_t slot_of(const struct members *m, pid_t pid)
{
	size_t lo = 0, hi = m->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (m->pids[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add(struct members *m, pid_t pid)
{
	size_t i = slot_of(m, pid);

	if (i < m->n && m->pids[i] == pid)
		return 0;
	if (m->n == m->cap) {
		size_t cap = m->cap ? m->cap * 2 : 16;
		pid_t *pids = reallocarray(m->pids, cap, sizeof(*pids));

		if (!pids)
			return -ENOMEM;
		m->pids = pids;
		m->cap = cap;
	}
	memmove(&m->pids[i + 1], &m->pids[i], (m->n - i) * sizeof(pid_t));
	m->pids[i] = pid;
	m->n++;
	return 0;
}

static void drop(struct members *m, pid_t pid)
{
	size_t i = slot_of(m, pid);

	if (i == m->n || m->pids[i] != pid)
		return;
	m->n--;
	memmove(&m->pids[i], &m->pids[i + 1], (m->n - i) * sizeof(pid_t));
}

int members_find(struct members *m, const struct target *target)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *pid;
	int err;

	*m = (struct members){.target = *target, .found = loop_now()};
	if (m->target.kind == TARGET_BOX)
		return 0;
	err = find_processes(&m->target, &pids);
	pid = (const void *)pids.data;
	for (size_t i = 0; !err && i < pids.len / sizeof(*pid); i++)
		err = add(m, pid[i]);
	return err;
}

bool members_has(const struct members *m, pid_t pid)
{
	size_t i;

	if (m->target.kind == TARGET_BOX)
		return true;
	i = slot_of(m, pid);
	return i < m->n && m->pids[i] == pid;
}

void members_fork(struct members *m, pid_t ppid, pid_t pid, uint64_t time)
{
	if (m->target.kind == TARGET_BOX)
		return;
	if (members_has(m, ppid))
		add(m, pid);
	else if (time > m->found)
		drop(m, pid);
}

void members_exec(struct members *m, pid_t pid, const char *comm)
{
	if (m->target.kind == TARGET_COMM && target_comm_is(&m->target, comm))
		add(m, pid);
}

bool members_alive(const struct members *m)
{
	if (m->target.kind == TARGET_BOX)
		return true;
	for (size_t i = 0; i < m->n; i++)
		if (process_alive(m->pids[i]))
			return true;
	return false;
}

void members_deinit(struct members *m)
{
	free(m->pids);
	m->pids = NULL;
	m->n = 0;
	m->cap = 0;
}
