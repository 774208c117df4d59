/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Meeting threads that run: a short sample, which ends as soon as nobody is missing. Meanwhile
 * those that sleep for moments may be caught asleep.
 */
#ifndef KPPROF_THREADS_RUNNING_H
#define KPPROF_THREADS_RUNNING_H

#include <stdbool.h>

#include "../base/loop.h"
#include "../engine/engine.h"

/**
 * struct running - a sample that is being taken; storage is the caller's
 * @on_sample: a thread was met; true when that was the last one
 * @on_tick: called every few milliseconds meanwhile; true when nobody is missing any more
 * @on_end: called once from the loop when nothing more will come
 * @ctx: for the callbacks
 */
struct running {
	bool (*on_sample)(void *ctx, const struct cpu_sample *s);
	bool (*on_tick)(void *ctx);
	void (*on_end)(void *ctx);
	void *ctx;

	/* private: */
	struct engine *engine;
	struct cpu_capture capture;
	struct loop_timer timer;
	uint64_t until;
	uint64_t give_up;
	bool active;
};

/**
 * running_start() - begin
 * @r: the callbacks are set
 * @e: engine
 * @target: whose threads
 * @missing: how many are to be met: the more, the longer it may take
 *
 * Return: 0, or the error of cpu_capture_start().
 */
int running_start(struct running *r, struct engine *e, const struct target *target, size_t missing);

/** running_cancel() - end at once without a callback; nothing happens when it does not run */
void running_cancel(struct running *r);

#endif /* KPPROF_THREADS_RUNNING_H */
