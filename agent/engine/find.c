// SPDX-License-Identifier: GPL-2.0-or-later
#include "find.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/loop.h"
#include "target.h"

enum { STATUS_MAX = 64 << 10 };

int proc_read(pid_t pid, const char *name, size_t max, struct buf *out)
{
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	out->max = max;
	err = buf_read_at(out, AT_FDCWD, path);
	out->max = 0;
	buf_append(out, "", 1);
	if (err == -ENOENT)
		return -ESRCH;
	return err ? err : buf_error(out);
}

long process_status(pid_t pid, const char *name)
{
	_cleanup_buf_ struct buf b = {0};
	char line[32];
	const char *at;

	if (proc_read(pid, "status", STATUS_MAX, &b))
		return -1;
	snprintf(line, sizeof(line), "\n%s:", name);
	at = strstr(b.data, line);
	return at ? strtol(at + strlen(line), NULL, 10) : -1;
}

/*
 * A zombie whose other threads live on is only a leader that has ended first. The state follows the
 * name, which may hold anything, in parentheses; the number of threads is field 20 (proc(5), stat).
 */
bool process_alive(pid_t pid)
{
	_cleanup_buf_ struct buf b = {0};
	const char *at;
	long threads;
	char state;

	if (proc_read(pid, "stat", STATUS_MAX, &b))
		return false;
	at = strrchr(b.data, ')');
	if (!at ||
	    sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld",
		   &state, &threads) != 2)
		return false;
	return (state != 'Z' && state != 'X') || threads > 1;
}

/* Field 22 of stat, proc(5): the 20th behind the name. */
unsigned long long process_started(pid_t pid)
{
	_cleanup_buf_ struct buf b = {0};
	unsigned long long ticks = 0;
	const char *at;

	if (proc_read(pid, "stat", STATUS_MAX, &b))
		return 0;
	at = strrchr(b.data, ')');
	for (int field = 2; at && field < 22; field++) {
		at = strchr(at, ' ');
		at += at != NULL;
	}
	if (at)
		ticks = strtoull(at, NULL, 10);
	return ticks;
}

uint64_t process_cpu_ns(pid_t pid)
{
	struct timespec ts;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

static bool is_meant(const struct target *t, pid_t pid)
{
	_cleanup_buf_ struct buf b = {0};

	if (t->kind == TARGET_BOX)
		return true;
	if (proc_read(pid, "comm", STATUS_MAX, &b))
		return false;
	b.data[strcspn(b.data, "\n")] = '\0';
	return target_comm_is(t, b.data);
}

/* Numbers that are names in a directory. */
static int find_numbers(const char *path, struct buf *out)
{
	DIR *dir = opendir(path);
	const struct dirent *d;

	if (!dir)
		return -errno;
	while ((d = readdir(dir))) {
		char *end;
		long n = strtol(d->d_name, &end, 10);
		pid_t id = (pid_t)n;

		if (n > 0 && !*end)
			buf_append(out, &id, sizeof(id));
	}
	closedir(dir);
	return buf_error(out);
}

int find_tasks(pid_t pid, struct buf *tids)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	return find_numbers(path, tids);
}

static int find_all(const struct target *t, struct buf *pids)
{
	_cleanup_buf_ struct buf all = {0};
	int err = find_numbers("/proc", &all);
	const pid_t *p = (const void *)all.data;

	for (size_t i = 0; i < all.len / sizeof(*p); i++)
		if (is_meant(t, p[i]))
			buf_append(pids, &p[i], sizeof(*p));
	return err;
}

int find_processes(const struct target *t, struct buf *pids)
{
	size_t before = pids->len;
	int err = 0;

	/* /proc/TID answers for a thread too: only its status tells. */
	if (t->kind != TARGET_PID)
		err = find_all(t, pids);
	else if (process_status(t->pid, "Tgid") == t->pid)
		buf_append(pids, &t->pid, sizeof(t->pid));
	if (err || buf_error(pids))
		return err ? err : buf_error(pids);
	return pids->len > before ? 0 : -ESRCH;
}

unsigned int find_threads(const struct target *t)
{
	_cleanup_buf_ struct buf pids = {0};
	unsigned long n = 0;

	if (find_processes(t, &pids))
		return 0;
	for (size_t i = 0; i < pids.len / sizeof(pid_t); i++) {
		long threads =
			process_status(((const pid_t *)(const void *)pids.data)[i], "Threads");

		n += threads > 0 ? (unsigned long)threads : 0;
	}
	return (unsigned int)n;
}
