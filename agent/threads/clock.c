// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/loop.h"
#include "proc.h"

enum { STAT_MAX = 1 << 20, TEXT_MAX = 8192 };

/* What may be left when a model fits: the clocks do not begin at the same moment of the boot. */
#define REST_MAX (2 * (int64_t)NSEC_PER_SEC)

void task_clock_parse(const char *text, uint64_t tick_ns, struct task_clock *c)
{
	c->ncpus = 0;
	for (const char *at = strstr(text, "\ncpu"); at; at = strstr(at + 1, "\ncpu")) {
		unsigned long long irq, softirq, steal;
		unsigned int cpu;

		/* user nice system idle iowait irq softirq steal, proc(5) */
		if (sscanf(at, "\ncpu%u %*u %*u %*u %*u %*u %llu %llu %llu", &cpu, &irq, &softirq,
			   &steal) != 4 ||
		    cpu >= CLOCK_CPUS_MAX)
			continue;
		/* Those that are offline are not there. */
		while (c->ncpus <= cpu)
			c->cpus[c->ncpus++] = (struct clock_cpu){0};
		c->cpus[cpu].irq = (irq + softirq) * tick_ns;
		c->cpus[cpu].steal = steal * tick_ns;
	}
}

/* What the clock of a CPU lags behind. */
static int64_t lag_of(const struct task_clock *c, unsigned int cpu)
{
	return c->rest + (int64_t)(c->irq ? c->cpus[cpu].irq : 0) +
	       (int64_t)(c->steal ? c->cpus[cpu].steal : 0);
}

void task_clock_fit(struct task_clock *c, unsigned int cpu, uint64_t clock)
{
	int64_t lag = (int64_t)(c->now - clock), best = INT64_MAX;
	unsigned int model = 0;

	c->works = false;
	if (cpu >= c->ncpus)
		return;
	for (unsigned int m = 0; m < 4; m++) {
		int64_t rest;

		c->rest = 0;
		c->irq = m & 1;
		c->steal = m & 2;
		rest = llabs(lag - lag_of(c, cpu));
		if (rest < best) {
			best = rest;
			model = m;
		}
	}
	c->rest = 0;
	c->irq = model & 1;
	c->steal = model & 2;
	c->rest = lag - lag_of(c, cpu);
	/* /proc/stat counts a little differently: a twentieth is allowed for that. */
	c->works = best <= REST_MAX + lag / 20;
}

void task_clock_read(struct task_clock *c)
{
	_cleanup_buf_ struct buf stat = {.max = STAT_MAX};
	_cleanup_close_ int self = open("/proc/self/task", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char text[TEXT_MAX];
	struct timespec raw;
	uint64_t clock;
	int cpu;

	c->works = false;
	if (self < 0 || buf_read_at(&stat, AT_FDCWD, "/proc/stat"))
		return;
	buf_append(&stat, "", 1);
	if (buf_error(&stat))
		return;
	task_clock_parse(stat.data, NSEC_PER_SEC / (uint64_t)sysconf(_SC_CLK_TCK), c);
	cpu = sched_getcpu();
	/* Of the thread's own clock it is not known when it was read, but for a tick or so. */
	if (proc_task_read(self, gettid(), "sched", text, sizeof(text)) <= 0 ||
	    proc_exec_start_parse(text, &clock) || cpu < 0 || sched_getcpu() != cpu)
		return;
	/* As the scheduler's clock it is not slewed by NTP. */
	clock_gettime(CLOCK_MONOTONIC_RAW, &raw);
	c->now = (uint64_t)raw.tv_sec * NSEC_PER_SEC + (uint64_t)raw.tv_nsec;
	task_clock_fit(c, (unsigned int)cpu, clock);
}

/*
 * What the clock had left out until then is not known, only what it has until now: it is taken to
 * have come evenly. then = clock + lag * then / now.
 */
uint64_t task_clock_ago(const struct task_clock *c, unsigned int cpu, uint64_t clock)
{
	double then, share;

	if (!c->works || !c->now || cpu >= c->ncpus)
		return 0;
	share = (double)lag_of(c, cpu) / (double)c->now;
	if (share > 0.9)
		return 0;
	then = (double)clock / (1 - share);
	return then >= (double)c->now ? 1 : (uint64_t)((double)c->now - then);
}
