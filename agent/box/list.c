// SPDX-License-Identifier: GPL-2.0-or-later
#include "list.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../engine/target.h"

enum { STAT_MAX = 4096 };

/* task_struct.flags of a kernel thread: PF_KTHREAD, include/linux/sched.h. */
#define FLAG_KTHREAD 0x00200000u

/* Fields of proc(5), stat: 3 state, 9 flags, 14 utime, 15 stime, 20 num_threads, 22 starttime, 24
 * rss in pages. */
int box_stat_parse(const char *text, double uptime, struct box_process *out)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	unsigned long long user, system, started;
	double age, hz = (double)sysconf(_SC_CLK_TCK);
	unsigned int flags;
	long pages;

	if (!open || !close || close < open)
		return -EINVAL;
	if (sscanf(close,
		   ") %c %*d %*d %*d %*d %*d %u %*u %*u %*u %*u %llu %llu %*d %*d %*d %*d %ld %*d "
		   "%llu %*u %ld",
		   &out->state, &flags, &user, &system, &out->threads, &started, &pages) != 7)
		return -EINVAL;
	snprintf(out->comm, sizeof(out->comm), "%.*s", (int)(close - open - 1), open + 1);
	out->kernel = flags & FLAG_KTHREAD;
	out->rss_kb = pages * (sysconf(_SC_PAGESIZE) / 1024);
	age = uptime - (double)started / hz;
	out->cpu_permille = age > 0 ? (unsigned int)((double)(user + system) / hz / age * 1000) : 0;
	return 0;
}

static double uptime_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_BOOTTIME, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int by_cpu(const void *a, const void *b)
{
	const struct box_process *x = a, *y = b;

	if (x->cpu_permille != y->cpu_permille)
		return x->cpu_permille < y->cpu_permille ? 1 : -1;
	return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int box_list(struct buf *out)
{
	const struct target box = {.kind = TARGET_BOX};
	_cleanup_buf_ struct buf pids = {0};
	const double uptime = uptime_now();
	int err = find_processes(&box, &pids);
	const pid_t *pid = (const void *)pids.data;

	if (err)
		return err;
	for (size_t i = 0; i < pids.len / sizeof(*pid); i++) {
		struct box_process p = {.pid = pid[i]};
		_cleanup_buf_ struct buf text = {0};

		if (!proc_read(pid[i], "stat", STAT_MAX, &text) &&
		    !box_stat_parse(text.data, uptime, &p))
			buf_append(out, &p, sizeof(p));
	}
	if (out->len)
		qsort(out->data, out->len / sizeof(struct box_process), sizeof(struct box_process),
		      by_cpu);
	return buf_error(out);
}
