// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * locks [-n TIMES] PID...: reads the threads of the processes from /proc, without stacks, and
 * prints why each waits and the verdict. With -n, as many times, and only a count of what was
 * found: the program to look for false deadlocks with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/locks/locks.h"
#include "../../agent/locks/quick.h"
#include "../../agent/locks/waits.h"
#include "../../agent/threads/dump.h"

static struct locks *look(char **pids, struct buf *threads)
{
	struct locks *l;

	for (; *pids; pids++)
		quick_read(atoi(*pids), threads);
	if (locks_read((const struct dump_thread *)(const void *)threads->data,
		       threads->len / sizeof(struct dump_thread), true, &l))
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
