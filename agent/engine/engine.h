/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a capture gets from the kernel, whichever way it comes: from the module (kmod.h), which
 * samples and walks in the kernel, or from perf_event_open(2) and /proc alone.
 */
#ifndef KPPROF_ENGINE_H
#define KPPROF_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "members.h"
#include "process.h"
#include "stack.h"
#include "target.h"

struct cpu_set;
struct engine;
struct image_store;
struct loop;

/* Rates that a capture may ask for, in samples per second and CPU. */
enum { HZ_MIN = 1, HZ_MAX = 1000, HZ_DEFAULT = 99 };

/**
 * struct cpu_sample - a moment in which a thread was on a CPU
 * @pid: its process
 * @tid: thread
 * @thread: its name
 * @ns: CPU time that the sample stands for
 * @stack: where it was
 * @context: what the CPU was doing; only the module knows
 */
struct cpu_sample {
	pid_t pid;
	pid_t tid;
	const char *thread;
	uint64_t ns;
	struct stack stack;
	enum kpprof_context context;
};

/**
 * struct cpu_capture - a running CPU profile; storage is the caller's
 * @target: of which processes
 * @hz: samples per second
 * @on_sample: called for each sample; everything in it is valid during the call only
 * @on_target_exit: the process of a TARGET_PID, and its children, are gone; may be NULL
 * @on_done: called once after cpu_capture_stop(), when the last sample was delivered
 * @ctx: for the callbacks
 * @lost: out: samples of the whole box that the kernel had no room for
 * @seen: out: samples of the whole box while this capture ran, delivered or not
 * @side_lost: out: records about mappings and processes that were lost
 * @throttled: out: times that the kernel held the events back
 * @engine: out: what samples
 * @event: out: name of the event
 * @period_ns: out: distance between samples
 */
struct cpu_capture {
	struct target target;
	unsigned int hz;
	void (*on_sample)(void *ctx, const struct cpu_sample *s);
	void (*on_target_exit)(void *ctx);
	void (*on_done)(void *ctx);
	void *ctx;

	uint64_t lost;
	uint64_t seen;
	uint64_t side_lost;
	uint64_t throttled;
	enum kpprof_engine engine;
	const char *event;
	uint64_t period_ns;

	/* private to engine/: */
	struct cpu_capture *next;
	struct cpu_set *set;
	uint64_t start;
	uint64_t end;
	unsigned int held;
	bool stopping;
	bool exited;
	struct members members;
};

/** engine_create() - an engine; opens nothing; 0 or -ENOMEM */
int engine_create(struct loop *loop, struct engine **out);

/** engine_destroy() - cancel all captures and free everything */
void engine_destroy(struct engine *e);

/** engine_store() - the images that the engine's stacks refer to */
struct image_store *engine_store(struct engine *e);

/** engine_loop() - the loop that the engine runs on */
struct loop *engine_loop(const struct engine *e);

/** engine_use() - keep images alive (names are being looked up) until engine_unuse() */
void engine_use(struct engine *e);

/** engine_unuse() - when nothing uses the engine any more, all it holds is given back after a short
 * while */
void engine_unuse(struct engine *e);

/** engine_why() - why the captures that run, or ran last, do not use the module; "" when they do */
const char *engine_why(const struct engine *e);

/** engine_each_capture() - call @fn for each capture that runs */
void engine_each_capture(struct engine *e, void (*fn)(void *ctx, const struct cpu_capture *c),
			 void *ctx);

/**
 * cpu_capture_start() - begin to sample
 *
 * Return: 0; -ENODEV when only the module will do (module_set_mode()) and it cannot be had:
 * engine_why(); -ESRCH when there is no such process; -EACCES or -EPERM when perf events are not
 * allowed; -errno of perf_event_open(2) and mmap(2).
 */
int cpu_capture_start(struct engine *e, struct cpu_capture *c);

/** cpu_capture_stop() - end sampling now; on_done follows from the loop */
void cpu_capture_stop(struct engine *e, struct cpu_capture *c);

/** engine_poll() - deliver what was sampled until a moment ago, rather than at the next tick */
void engine_poll(struct engine *e);

/** cpu_capture_cancel() - end at once; no callback follows */
void cpu_capture_cancel(struct engine *e, struct cpu_capture *c);

#endif /* KPPROF_ENGINE_H */
