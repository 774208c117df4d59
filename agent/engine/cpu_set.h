/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For each sampling rate that is asked for there is one set of sampling events, shared by all
 * captures of that rate: the module's trace events, or perf's own.
 */
#ifndef KPPROF_CPU_SET_H
#define KPPROF_CPU_SET_H

#include <stdbool.h>

struct cpu_ring;
struct engine;
struct event_set;
struct perf_event_header;
struct record_module;

typedef void (*cpu_set_handler)(void *owner, struct cpu_ring *ring,
				const struct perf_event_header *header);

/**
 * struct cpu_set - events that sample at one rate
 * @events: they
 * @cycles: the clock is the cycle counter; otherwise the kernel's cpu-clock
 * @hz: samples per second and CPU
 * @module: the samples are the module's trace events; NULL for perf's
 * @arm: which of the module's arms
 * @box: the arm is of all processes
 * @users: captures that read it
 * @handle: gets their records, with the set as owner
 * @unit_ns: nanoseconds for each unit of a sample's period
 */
struct cpu_set {
	struct cpu_set *next;
	struct engine *engine;
	struct event_set *events;
	bool cycles;
	unsigned int hz;
	const struct record_module *module;
	unsigned int arm;
	bool box;
	unsigned int users;
	cpu_set_handler handle;
	double unit_ns;
};

/**
 * cpu_set_get() - the set for a rate
 * @hz: samples per second and CPU
 * @box: of all processes
 * @handle: gets the records of a set that is new
 * @out: one that there is, or a new one; where there are too many that of the nearest rate
 *
 * Return: 0; -EBUSY; -ENODEV when only the module will do and it cannot be had; -errno as
 * event_set_open().
 */
int cpu_set_get(struct engine *e, unsigned int hz, bool box, cpu_set_handler handle,
		struct cpu_set **out);

/** cpu_set_put() - one user less; with the last one sampling ends */
void cpu_set_put(struct engine *e, struct cpu_set *set);

#endif /* KPPROF_CPU_SET_H */
