/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of perf events, one event and one ring for each CPU. Per CPU and not per thread: a clock
 * that is armed and disarmed with each context switch costs a program that switches often most of
 * its speed.
 */
#ifndef KPPROF_EVENTS_H
#define KPPROF_EVENTS_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "parts.h"
#include "ring.h"

struct event_set;
struct record_module;

/**
 * struct cpu_ring - the event of one CPU
 * @set: where it belongs
 * @cpu: CPU number
 * @fd: perf event
 * @fd2: the module's second event, which writes into the same ring; else -1
 * @ring: its ring
 * @watch: in the loop
 * @next_time: time of the record that is next; see perf.c
 * @has_next: there is one
 * @parts: a sample that is not complete
 */
struct cpu_ring {
	struct cpu_ring *next;
	struct event_set *set;
	unsigned int cpu;
	int fd;
	int fd2;
	struct ring ring;
	struct loop_fd watch;
	uint64_t next_time;
	bool has_next;
	struct parts parts;
};

/**
 * struct event_set - one kind of event on all CPUs
 * @side: records about mappings, names, forks and exits; no samples
 * @cycles: the clock is the cycle counter; otherwise the kernel's cpu-clock
 * @hz: samples per second and CPU, 0 for @side
 * @module: the samples are the module's trace events; NULL for the perf engine
 * @arm: which of the module's arms
 * @box: the arm is of all processes
 * @users: captures that read it
 * @period_ns: distance between samples
 * @unit_ns: nanoseconds for each unit of a sample's period
 * @rings: one for each CPU that was online
 */
struct event_set {
	struct event_set *next;
	bool side;
	bool cycles;
	unsigned int hz;
	const struct record_module *module;
	unsigned int arm;
	bool box;
	unsigned int users;
	uint64_t period_ns;
	double unit_ns;
	struct cpu_ring *rings;
	struct loop *loop;
	void (*ready)(void *ctx);
	void *ctx;
};

/** dump_bytes_set() - how much of the user stack a sample carries: 1024 to 65528 bytes; -EINVAL
 * otherwise */
int dump_bytes_set(int64_t bytes);

/** cycle_counter_works() - whether CPU cycles are counted here */
bool cycle_counter_works(void);

/** event_set_clock() - say what the samples count */
void event_set_clock(struct event_set *s, bool cycles);

/**
 * event_set_open() - open and enable
 * @loop: watches the rings
 * @hz: samples per second, 0 for the side records
 * @module: read the module's trace events, whose samples the caller arms; NULL to sample by perf
 *	events. Must outlive the set.
 * @arm: the module's arm
 * @ready: called when a ring wants to be read
 * @ctx: for @ready
 * @out: the set
 *
 * Return: 0, -errno of perf_event_open(2) or mmap(2).
 */
int event_set_open(struct loop *loop, unsigned int hz, const struct record_module *module,
		   unsigned int arm, void (*ready)(void *ctx), void *ctx, struct event_set **out);

/** event_set_rescan() - open events on CPUs that came online since */
void event_set_rescan(struct event_set *s);

/** event_set_close() - close all events of a set; NULL is allowed */
void event_set_close(struct event_set *s);

#endif /* KPPROF_EVENTS_H */
