/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A look at all threads of a target, up to the names of their frames: the dump, why each waits, and
 * the dumps of other processes that hold what they wait for.
 */
#ifndef KPPROF_LOOK_H
#define KPPROF_LOOK_H

#include "../engine/target.h"
#include "report.h"

struct armed_list;
struct dump;
struct engine;
struct resolve;

/**
 * struct look - a look on its way; storage is the caller's
 * @report: what was seen; complete when @done is called
 * @armed: set after look_start(): where to look for who made the threads; NULL: nowhere
 */
struct look {
	struct report report;
	const struct armed_list *armed;

	/* private: */
	struct engine *engine;
	struct target target;
	unsigned int what;
	void (*done)(void *ctx, int err);
	void *ctx;
	struct dump *dump;
	struct resolve *resolve;
	struct buf tried;
};

/**
 * look_start() - begin
 * @l: look, to be given to look_deinit() in any case
 * @what: DUMP_ bits
 * @done: called once from the loop, with 0, -ENOMEM or -errno
 * @ctx: for @done
 *
 * Return: 0; -ESRCH when there is no such process; -ENOMEM.
 */
int look_start(struct look *l, struct engine *engine, const struct target *target,
	       unsigned int what, void (*done)(void *ctx, int err), void *ctx);

/** look_deinit() - stop, if it is not over, and free; @done is not called any more */
void look_deinit(struct look *l);

#endif /* KPPROF_LOOK_H */
