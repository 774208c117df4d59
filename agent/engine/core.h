/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of the engine, for the files of engine/ alone: what CPU captures (capture.c) and
 * watches of waits (waits.c) share.
 */
#ifndef KPPROF_CORE_H
#define KPPROF_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/loop.h"
#include "engine.h"
#include "events.h"
#include "follow.h"
#include "held.h"
#include "record.h"

struct allocator;
struct cpu_set;
struct heap_watch;
struct kmod;
struct module_waits;
struct sched;
struct wait_watch;

/* The rings are read at least so often. */
#define TICK_NS (100 * NSEC_PER_MSEC)
/* A record is in its ring so long after its time at the latest: order between rings is kept behind
 * this. */
#define SETTLE_NS (2 * NSEC_PER_MSEC)

/**
 * struct engine - see engine.h
 * @side: records about mappings, names, forks and exits, while there are readers
 * @sets: all other events; read together with @side in the order of time
 * @readers: captures and watches
 * @held: samples that wait for unwind rows
 * @captures: CPU captures, and @cpu_sets, the events that they share; capture.c
 * @wanted: room for the captures that want one sample: as many as there are captures
 * @watches: of waits, and @dice, which choose among them; waits.c
 * @heaps: watches of heaps, and @allocators, which were found lately; heap/
 * @sched: the scheduler's trace events, while a watch uses them; sched.c
 * @module_waits: the module's, while a watch uses them; module_waits.c
 * @users: see engine_use()
 * @kmod: the module, while somebody uses it and a little longer
 * @why: see engine_why()
 */
struct engine {
	struct loop *loop;
	struct image_store *store;
	struct processes *processes;
	struct event_set *side;
	struct event_set *sets;
	unsigned int readers;
	struct held_list held;
	struct cpu_capture *captures;
	struct cpu_set *cpu_sets;
	struct cpu_capture **wanted;
	size_t ncaptures;
	size_t wanted_cap;
	struct wait_watch *watches;
	uint64_t dice;
	struct heap_watch *heaps;
	struct allocator *allocators;
	struct sched *sched;
	struct module_waits *module_waits;
	unsigned int users;
	struct loop_timer tick;
	struct loop_timer linger;
	uint64_t next_rescan;
	struct kmod *kmod;
	struct follow follow;
	char why[256];
};

/**
 * engine_read_begin() - one more reader: mappings, forks and exits are followed from here on
 *
 * Return: 0 or -errno of perf_event_open(2) and mmap(2).
 */
int engine_read_begin(struct engine *e);

/** engine_read_end() - one reader less; after the last, all processes are forgotten */
void engine_read_end(struct engine *e);

/**
 * engine_set_open() - events that are read together with all others
 * @specs: the events, all of one sample_type
 * @n: how many
 * @ring_bytes: size of a ring
 * @handle: called for each record, in the order of time
 * @owner: for @handle
 * @out: the set, to be given to engine_set_close(); not from @handle
 *
 * Return: as event_set_open().
 */
int engine_set_open(struct engine *e, const struct event_spec *specs, unsigned int n,
		    size_t ring_bytes,
		    void (*handle)(void *owner, struct cpu_ring *r,
				   const struct perf_event_header *h),
		    void *owner, struct event_set **out);

/** engine_set_close() - NULL is allowed */
void engine_set_close(struct engine *e, struct event_set *set);

/** engine_drain_in() - read the rings @ns nanoseconds from now, or earlier */
void engine_drain_in(struct engine *e, uint64_t ns);

/** engine_kmod_open() - connect to the module if that is not done; on failure @e->why says why */
int engine_kmod_open(struct engine *e);

/** engine_kmod_close() - its socket is what the module holds on to: without it nothing is uploaded,
 * and it can be unloaded */
void engine_kmod_close(struct engine *e);

/** engine_kmod_unused() - what was tried with the module failed: close it if nobody else uses it */
void engine_kmod_unused(struct engine *e);

/*
 * What captures and watches are told by engine.c: side records after the processes know them, and
 * that everything up to a time was read.
 */

/** captures_fork() - process @ppid made process @pid, at @time in CLOCK_MONOTONIC ns */
void captures_fork(struct engine *e, pid_t ppid, pid_t pid, uint64_t time);
/** captures_comm() - the main thread of process @pid has a new name */
void captures_comm(struct engine *e, pid_t pid, const char *name);
/** captures_side_lost() - so many side records were lost */
void captures_side_lost(struct engine *e, uint64_t lost);
/** captures_read() - all records up to @until were handled; captures may start and end in here */
void captures_read(struct engine *e, uint64_t until);
/** captures_rescan() - about once a second: CPUs that came, targets that are gone */
void captures_rescan(struct engine *e);
/** captures_box() - whether a capture of the whole box runs */
bool captures_box(const struct engine *e);

#endif /* KPPROF_CORE_H */
