/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The scheduler's trace events, as perf events on each CPU, and what their records say. */
#ifndef KPPROF_SCHED_EVENTS_H
#define KPPROF_SCHED_EVENTS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "record.h"
#include "tid_ranges.h"
#include "tracefs.h"

struct cpu_ring;
struct engine;
struct event_set;

/* The sets of events; each has rings of its own. */
enum sched_set {
	SCHED_TIMES,  /* switches and wake-ups, without stacks: small, so that none is lost */
	SCHED_STACKS, /* switches with the stack of the thread that leaves the CPU */
	SCHED_WAKERS, /* wake-ups with the stack of the thread that wakes */
	SCHED_FORKS,  /* new threads and processes with the stack of their creator */
	SCHED_CPUS,   /* no trace event: perf's own records of all switches, unfiltered */
	SCHED_SETS
};

enum sched_what { SCHED_SWITCH, SCHED_WAKING, SCHED_FORK, SCHED_WHATS };

/**
 * struct sched_record - what a record says
 * @what: which event
 * @prev: SWITCH: thread that leaves the CPU
 * @prev_state: SWITCH: see sched_table.h
 * @next: SWITCH: thread that comes to it; WAKING: thread that is woken; FORK: the new thread
 */
struct sched_record {
	enum sched_what what;
	pid_t prev;
	uint64_t prev_state;
	pid_t next;
};

/**
 * struct sched_events - the events; all zero has none open and knows none
 * @sets: those that are open
 * @level: of restraint: see sched_events_restrain()
 * @ids: numbers of the trace events
 */
struct sched_events {
	struct event_set *sets[SCHED_SETS];
	unsigned int level[SCHED_SETS];
	uint32_t ids[SCHED_WHATS];
	struct trace_field prev;
	struct trace_field prev_state;
	struct trace_field next[SCHED_WHATS];
};

/** sched_events_find() - learn numbers and fields; 0, -ENODEV without trace events, -EPERM, -errno
 */
int sched_events_find(struct sched_events *ev);

/**
 * sched_events_open() - open a set that is not open
 * @e: reads it
 * @set: which
 * @ranges: threads that matter
 * @handle: called for each record
 * @owner: for @handle
 *
 * Return: as event_set_open().
 */
int sched_events_open(struct sched_events *ev, struct engine *e, enum sched_set set,
		      const struct tid_ranges *ranges,
		      void (*handle)(void *owner, struct cpu_ring *r,
				     const struct perf_event_header *h),
		      void *owner);

/** sched_events_filter() - other threads matter now; 0 or -errno */
int sched_events_filter(struct sched_events *ev, const struct tid_ranges *ranges);

/**
 * sched_events_restrain() - take less of what costs, or more again
 * @ranges: as they are
 * @less: a ring has overflowed: copies of stacks become half as long, and when they are as short as
 *	they may be, of switches only every second has one, every fourth, and so on; else one step
 *	back
 *
 * Return: 0; -ERANGE when there is no step left; -errno.
 */
int sched_events_restrain(struct sched_events *ev, enum sched_set set,
			  const struct tid_ranges *ranges, bool less);

/** sched_events_copies() - bytes of stack in each copy, and that one switch of @every has one */
uint32_t sched_events_copies(const struct sched_events *ev, enum sched_set set,
			     unsigned int *every);

/** sched_events_close() - close one set */
void sched_events_close(struct sched_events *ev, struct engine *e, enum sched_set set);

/**
 * sched_events_parse() - decode a record
 * @set: of which set it is
 * @h: the record
 * @r: out: as record_parse_trace()
 * @s: out: when it is a sample
 *
 * Return: 0, -ENOTSUP, -EBADMSG.
 */
int sched_events_parse(const struct sched_events *ev, enum sched_set set,
		       const struct perf_event_header *h, struct record *r, struct sched_record *s);

#endif /* KPPROF_SCHED_EVENTS_H */
