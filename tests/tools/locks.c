// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * locks [-n TIMES] PID...: reads the threads of the processes from /proc, without stacks, and
 * prints why each waits and the verdict. With -n, as many times, and only a count of what was
 * found: the program to look for false deadlocks with.
 */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/engine/find.h"
#include "../../agent/locks/locks.h"
#include "../../agent/locks/waits.h"
#include "../../agent/threads/dump.h"

static void read_call(struct dump_thread *t)
{
	_cleanup_buf_ struct buf text = {0};
	uint64_t *a = t->args;
	char name[64];
	int n;

	snprintf(name, sizeof(name), "task/%d/syscall", (int)t->tid);
	if (proc_read(t->pid, name, 4096, &text))
		return;
	n = sscanf(text.data,
		   "%ld %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64 " %" SCNx64
		   " %" SCNx64 " %" SCNx64,
		   &t->syscall, &a[0], &a[1], &a[2], &a[3], &a[4], &a[5], &t->sp, &t->ip);
	t->in_syscall = n == 9 && t->syscall >= 0;
	t->known = n == 9;
}

static void read_thread(struct buf *threads, pid_t pid, pid_t tid)
{
	struct dump_thread t = {.pid = pid, .tid = tid};
	_cleanup_buf_ struct buf text = {0};
	char name[64];
	const char *at;

	snprintf(name, sizeof(name), "task/%d/stat", (int)tid);
	if (proc_read(pid, name, 4096, &text))
		return;
	at = strrchr(text.data, ')');
	t.state = at && at[1] ? at[2] : '?';
	sscanf(text.data, "%*d (%15[^)]", t.name);
	read_call(&t);
	buf_append(threads, &t, sizeof(t));
}

static void read_process(struct buf *threads, pid_t pid)
{
	struct dirent *e;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && (e = readdir(dir)))
		if (atoi(e->d_name) > 0)
			read_thread(threads, pid, atoi(e->d_name));
	if (dir)
		closedir(dir);
}

static struct locks *look(char **pids, struct buf *threads)
{
	struct locks *l;

	for (; *pids; pids++)
		read_process(threads, atoi(*pids));
	if (locks_read((const struct dump_thread *)(const void *)threads->data,
		       threads->len / sizeof(struct dump_thread), &l))
		exit(1);
	return l;
}

static void print(const struct locks *l, const struct buf *threads)
{
	const struct dump_thread *t = (const struct dump_thread *)(const void *)threads->data;
	_cleanup_buf_ struct buf out = {0};
	const pid_t *outside;
	size_t n;

	for (size_t i = 0; i < threads->len / sizeof(*t); i++) {
		const struct lock_wait *w = locks_wait(l, i);

		printf("%d %c [%s] %s: %s\n", (int)t[i].tid, t[i].state, wait_kind_name(w->kind),
		       w->reason, w->detail);
	}
	outside = locks_outside(l, &n);
	for (size_t i = 0; i < n; i++)
		printf("outside: %d\n", (int)outside[i]);
	locks_verdict_text(l, NULL, NULL, &out);
	printf("%.*s", (int)out.len, out.data);
}

int main(int argc, char **argv)
{
	size_t deadlocks = 0, convoys = 0, waits = 0, owners = 0;
	int times = 0;

	if (argc > 2 && strcmp(argv[1], "-n") == 0) {
		times = atoi(argv[2]);
		argv += 2;
	}
	if (!argv[1]) {
		fprintf(stderr, "usage: locks [-n TIMES] PID...\n");
		return 2;
	}
	for (int i = 0; i < times || i == 0; i++) {
		_cleanup_buf_ struct buf threads = {0};
		struct locks *l = look(argv + 1, &threads);

		if (!times || locks_deadlocks(l))
			print(l, &threads);
		for (size_t k = 0; k < threads.len / sizeof(struct dump_thread); k++)
			owners += locks_wait(l, k)->owner != 0;
		for (size_t k = 0; k < threads.len / sizeof(struct dump_thread); k++)
			waits += locks_wait(l, k)->lock != 0;
		deadlocks += locks_deadlocks(l);
		convoys += locks_convoys(l);
		locks_free(l);
	}
	if (times)
		printf("%d looks: %zu deadlocks, %zu convoys, %zu waits, %zu with an owner\n",
		       times, deadlocks, convoys, waits, owners);
	return 0;
}
