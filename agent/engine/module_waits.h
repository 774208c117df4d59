/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Waits from the module: the inside of that backend. The module times waits, chooses among them,
 * and walks the stacks of those that it tells of; what is left is to say what they waited for, and
 * who wants to know.
 *
 * module_waits.c starts and stops it; module_sched.c handles the records; module_open.c looks at
 * waits that go on.
 */
#ifndef KPPROF_MODULE_WAITS_H
#define KPPROF_MODULE_WAITS_H

#include <stdbool.h>
#include <stdint.h>

#include "../../uapi/kpprof.h"
#include "kmod_watch.h"
#include "watch.h"

struct module_thread;

/**
 * struct module_arm - a watch of the module's, shared by all that want the same
 * @users: how many do; 0 for none, and none exists
 * @what: enum kpprof_watch bits
 * @rate: nanoseconds
 * @box: of all processes
 */
struct module_arm {
	unsigned int users;
	uint32_t what;
	uint64_t rate;
	bool box;
};

/**
 * struct module_waits - one for an engine, while it has watches of this backend
 * @events: kpprof:kpprof_sched, and kpprof:kpprof_stack of its threads
 * @ids: their numbers
 * @arms: by the module's number
 * @users: watches
 * @governor: as it was when it was last asked, at @asked
 * @seen: room for a look at a thread; NULL until the first
 */
struct module_waits {
	struct engine *engine;
	struct event_set *events;
	const struct record_module *ids;
	struct module_arm arms[KPPROF_ARMS_MAX];
	unsigned int users;
	struct kmod_governor governor;
	uint64_t asked;
	struct module_thread *seen;
};

/**
 * struct module_watch - what a watch of this backend has for itself
 * @arm: the module's number
 * @busy_before: time in the probes before it began
 */
struct module_watch {
	unsigned int arm;
	uint64_t busy_before;
};

/** module_sched_lost() - @lost more records had no room: see event_set_told() */
void module_sched_lost(const struct module_waits *m, uint64_t lost);

/** module_sched_handle() - handler of the records */
void module_sched_handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *h);

/** module_open_ask() - look at the threads of a watch that wait, and set the time of the flush */
void module_open_ask(struct module_waits *m, struct wait_watch *w, struct wait_flush *f);

/** module_open_over() - a thread has told of waits: what was seen of it before is over */
void module_open_over(struct engine *e, pid_t tid, uint64_t time);

/** module_open_tell() - waits_open() for all that were seen and are not over */
void module_open_tell(struct engine *e, struct wait_watch *w, struct wait_flush *f);

#endif /* KPPROF_MODULE_WAITS_H */
