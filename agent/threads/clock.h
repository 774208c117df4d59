/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How long ago a thread was last on a CPU, from se.exec_start in /proc/PID/task/TID/sched. That is
 * a time of its CPU's task clock: time since boot, less the time that the kernel does not count as
 * tasks' (update_rq_clock_task() in kernel/sched/core.c): interrupts with
 * CONFIG_IRQ_TIME_ACCOUNTING, time stolen by the host with CONFIG_PARAVIRT_TIME_ACCOUNTING. Which
 * of these it leaves out is found by comparing the agent's own clock with what /proc/stat says of
 * the CPU that it runs on.
 */
#ifndef KPPROF_THREADS_CLOCK_H
#define KPPROF_THREADS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum { CLOCK_CPUS_MAX = 1024 };

/* What a CPU's task clock does not count, in ns since boot. */
struct clock_cpu {
	uint64_t irq;
	uint64_t steal;
};

/**
 * struct task_clock - task clocks of all CPUs as of one moment
 * @works: they can be read
 * @irq: they leave out interrupts
 * @steal: they leave out stolen time
 * @now: time since boot, ns
 * @rest: what the clocks lag behind besides, ns
 * @ncpus: how many of @cpus are there
 * @cpus: by number
 */
struct task_clock {
	bool works;
	bool irq;
	bool steal;
	uint64_t now;
	int64_t rest;
	unsigned int ncpus;
	struct clock_cpu cpus[CLOCK_CPUS_MAX];
};

/**
 * task_clock_parse() - the lines "cpuN ..." of /proc/stat
 * @text: terminated
 * @tick_ns: what its numbers count in
 * @c: out: cpus and ncpus
 */
void task_clock_parse(const char *text, uint64_t tick_ns, struct task_clock *c);

/**
 * task_clock_fit() - find out what the clocks leave out
 * @c: with now and cpus
 * @cpu: a CPU
 * @clock: its task clock
 *
 * Sets works, irq, steal and rest. Clocks that fit nothing do not work.
 */
void task_clock_fit(struct task_clock *c, unsigned int cpu, uint64_t clock);

/** task_clock_read() - read all of them; they may not work */
void task_clock_read(struct task_clock *c);

/**
 * task_clock_ago() - how long before @c->now a task clock showed a time
 * @c: clocks
 * @cpu: CPU
 * @clock: the time that it showed
 *
 * Return: ns, at least 1; 0 when it cannot be said.
 */
uint64_t task_clock_ago(const struct task_clock *c, unsigned int cpu, uint64_t clock);

#endif /* KPPROF_THREADS_CLOCK_H */
