// SPDX-License-Identifier: GPL-2.0-or-later
#include "members.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "engine.h"
#include "find.h"

/* Where a pid is among the members, or belongs. */
static size_t slot_of(const struct cpu_capture *c, pid_t pid)
{
	size_t lo = 0, hi = c->nmembers;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->members[mid] < pid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int add(struct cpu_capture *c, pid_t pid)
{
	size_t i = slot_of(c, pid);

	if (i < c->nmembers && c->members[i] == pid)
		return 0;
	if (c->nmembers == c->members_cap) {
		size_t cap = c->members_cap ? c->members_cap * 2 : 16;
		pid_t *members = reallocarray(c->members, cap, sizeof(*members));

		if (!members)
			return -ENOMEM;
		c->members = members;
		c->members_cap = cap;
	}
	memmove(&c->members[i + 1], &c->members[i], (c->nmembers - i) * sizeof(pid_t));
	c->members[i] = pid;
	c->nmembers++;
	return 0;
}

static void drop(struct cpu_capture *c, pid_t pid)
{
	size_t i = slot_of(c, pid);

	if (i == c->nmembers || c->members[i] != pid)
		return;
	c->nmembers--;
	memmove(&c->members[i], &c->members[i + 1], (c->nmembers - i) * sizeof(pid_t));
}

int members_find(struct cpu_capture *c)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *pid;
	int err;

	if (c->target.kind == TARGET_BOX)
		return 0;
	err = find_processes(&c->target, &pids);
	pid = (const void *)pids.data;
	for (size_t i = 0; !err && i < pids.len / sizeof(*pid); i++)
		err = add(c, pid[i]);
	return err;
}

bool members_has(const struct cpu_capture *c, pid_t pid)
{
	size_t i;

	if (c->target.kind == TARGET_BOX)
		return true;
	i = slot_of(c, pid);
	return i < c->nmembers && c->members[i] == pid;
}

void members_fork(struct cpu_capture *c, pid_t ppid, pid_t pid)
{
	if (c->target.kind == TARGET_BOX)
		return;
	if (members_has(c, ppid))
		add(c, pid);
	else
		drop(c, pid);
}

void members_exec(struct cpu_capture *c, pid_t pid, const char *comm)
{
	if (c->target.kind == TARGET_COMM && target_comm_is(&c->target, comm))
		add(c, pid);
}

bool members_alive(const struct cpu_capture *c)
{
	if (c->target.kind == TARGET_BOX)
		return true;
	for (size_t i = 0; i < c->nmembers; i++)
		if (process_alive(c->members[i]))
			return true;
	return false;
}

void members_deinit(struct cpu_capture *c)
{
	free(c->members);
	c->members = NULL;
	c->nmembers = 0;
	c->members_cap = 0;
}
