/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sets of perf events: the same events on each CPU, with one ring for each CPU. Per CPU and not per
 * thread: a clock that is armed and disarmed with each context switch costs a program that switches
 * often most of its speed.
 */
#ifndef KPPROF_EVENTS_H
#define KPPROF_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <linux/perf_event.h>

#include "../base/loop.h"
#include "losses.h"
#include "parts.h"
#include "ring.h"

struct event_set;

/* Events that write into one ring. */
enum { EVENTS_PER_RING = 6 };

/**
 * struct event_spec - one event, opened on each CPU
 * @attr: what it is; its size, the clock and the wake-up are filled in. All events of a set have
 *	the same sample_type
 * @filter: of a trace event, or NULL; copied
 */
struct event_spec {
	struct perf_event_attr attr;
	const char *filter;
};

/**
 * struct cpu_ring - the events of one CPU
 * @set: where it belongs
 * @cpu: CPU number
 * @fds: perf events, as many as the set has; the ring is that of the first
 * @ring: their ring
 * @watch: in the loop
 * @next_time: time of the record that is next; see engine.c
 * @has_next: there is one
 * @parts: a sample that is not complete
 */
struct cpu_ring {
	struct cpu_ring *next;
	struct event_set *set;
	unsigned int cpu;
	int fds[EVENTS_PER_RING];
	struct ring ring;
	struct loop_fd watch;
	uint64_t next_time;
	bool has_next;
	struct parts parts;
};

/**
 * struct event_set - events on all CPUs
 * @handle: called by the engine for each record, in the order of time over all rings
 * @owner: for @handle
 * @specs: the events
 * @nspecs: how many
 * @rings: one for each CPU that was online
 * @losses: records that had no room in them
 * @replaced: what events had lost that were replaced
 */
struct event_set {
	struct event_set *next;
	void (*handle)(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);
	void *owner;
	struct event_spec specs[EVENTS_PER_RING];
	unsigned int nspecs;
	size_t ring_bytes;
	struct cpu_ring *rings;
	struct losses losses;
	uint64_t replaced;
	struct loop *loop;
	void (*ready)(void *ctx);
	void *ctx;
};

/**
 * event_set_open() - open and enable
 * @loop: watches the rings
 * @specs: the events
 * @n: how many, at most EVENTS_PER_RING
 * @ring_bytes: size of each ring, a power of two
 * @ready: called when a ring wants to be read
 * @ctx: for @ready
 * @out: the set
 *
 * Return: 0; -EINVAL for a filter that the kernel does not take; -errno of perf_event_open(2) or
 * mmap(2).
 */
int event_set_open(struct loop *loop, const struct event_spec *specs, unsigned int n,
		   size_t ring_bytes, void (*ready)(void *ctx), void *ctx, struct event_set **out);

/**
 * event_set_replace() - put another event in the place of one
 * @s: the set
 * @i: which of its events; not the first, whose ring it is
 * @spec: the new one
 *
 * The kernel lets an event's filter be set once, so another filter takes another event. For a
 * moment both are there: nothing is lost, and a record may come twice.
 *
 * Return: 0 or -errno; some CPUs have the old one then.
 */
int event_set_replace(struct event_set *s, unsigned int i, const struct event_spec *spec);

/**
 * event_set_told() - a record tells of @n others that there was no room for
 *
 * Return: how many of these were not known.
 */
uint64_t event_set_told(struct event_set *s, uint64_t n);

/**
 * event_set_untold() - the same of those that no record has told of yet: see losses.h
 *
 * It interrupts each CPU, so it is for the moments in which something is counted up.
 *
 * Return: how many were not known; 0 on kernels that do not say (before 6.0, but for later versions
 * of 5.10 and 5.15).
 */
uint64_t event_set_untold(struct event_set *s);

/** event_set_rescan() - open events on CPUs that came online since */
void event_set_rescan(struct event_set *s);

/** event_set_close() - close all events of a set; NULL is allowed */
void event_set_close(struct event_set *s);

/** perf_event_open() - the system call, for a descriptor that is closed on exec */
int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu);

#endif /* KPPROF_EVENTS_H */
