// SPDX-License-Identifier: GPL-2.0-or-later
#include "quick.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../threads/dump.h"
#include "../threads/proc.h"
#include "locks.h"

/* Bytes of a file under /proc/PID/task/TID, and how often other processes are taken in. */
enum { FILE_BYTES = 1024, ROUNDS_MAX = 3 };

static void cleanup_closedir_(DIR **d)
{
	if (*d)
		closedir(*d);
}

static void read_call(struct dump_thread *t, int task)
{
	struct proc_syscall call;
	char text[FILE_BYTES];

	if (proc_task_read(task, t->tid, "syscall", text, sizeof(text)) <= 0 ||
	    proc_syscall_parse(text, &call) || call.running)
		return;
	t->known = true;
	t->in_syscall = call.in_syscall;
	t->syscall = call.nr;
	t->sp = call.sp;
	t->ip = call.ip;
	memcpy(t->args, call.args, sizeof(t->args));
}

static void read_thread(struct buf *threads, pid_t pid, pid_t tid, int task)
{
	struct dump_thread t = {.pid = pid, .tid = tid, .kernel = ""};
	struct proc_stat stat;
	char text[FILE_BYTES];

	if (proc_task_read(task, tid, "stat", text, sizeof(text)) <= 0 ||
	    proc_stat_parse(text, &stat))
		return;
	memcpy(t.name, stat.name, sizeof(t.name));
	t.state = stat.state;
	t.kthread = stat.kthread;
	if (!t.kthread && (t.state == 'S' || t.state == 'D'))
		read_call(&t, task);
	buf_append(threads, &t, sizeof(t));
}

void quick_read(pid_t pid, struct buf *threads)
{
	_cleanup_(cleanup_closedir_) DIR *dir = NULL;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	for (const struct dirent *e; dir && (e = readdir(dir));) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);

		if (tid > 0)
			read_thread(threads, pid, tid, dirfd(dir));
	}
}

/* Takes in the processes that are named as holders; whether there was one. */
static bool read_outside(const struct locks *l, struct buf *threads)
{
	size_t n;
	const pid_t *pids = locks_outside(l, &n);

	for (size_t i = 0; i < n; i++)
		quick_read(pids[i], threads);
	return n;
}

static unsigned int count(struct buf *threads)
{
	unsigned int deadlocks = 0;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		struct locks *l;
		bool again;

		if (buf_error(threads) ||
		    locks_read((const struct dump_thread *)(const void *)threads->data,
			       threads->len / sizeof(struct dump_thread), false, &l))
			return 0;
		deadlocks = (unsigned int)locks_deadlocks(l);
		again = read_outside(l, threads);
		locks_free(l);
		if (!again)
			break;
	}
	return deadlocks;
}

unsigned int quick_deadlocks(const struct target *t)
{
	_cleanup_buf_ struct buf pids = {0}, threads = {0};
	unsigned int n = find_threads(t);

	if (n == 0 || n > QUICK_THREADS_MAX || find_processes(t, &pids))
		return 0;
	for (size_t i = 0; i < pids.len / sizeof(pid_t); i++)
		quick_read(((const pid_t *)(const void *)pids.data)[i], &threads);
	return count(&threads);
}
