// SPDX-License-Identifier: GPL-2.0-or-later
#include "look.h"

#include <errno.h>
#include <stddef.h>

#include "../engine/engine.h"
#include "../locks/locks.h"
#include "../threads/dump.h"
#include "resolve.h"

static void look_further(struct look *l);

static void named(void *ctx)
{
	struct look *l = ctx;

	l->resolve = NULL;
	l->done(l->ctx, 0);
}

static void name_frames(struct look *l)
{
	int err = report_locate(&l->report, l->armed);

	if (!err)
		err = resolve_start(l->engine, &l->report.places, named, l, &l->resolve);
	if (err)
		l->done(l->ctx, err);
}

static void other_dumped(void *ctx, struct dump *dump)
{
	struct look *l = ctx;

	l->dump = NULL;
	l->report.others[l->report.nothers++] = dump;
	look_further(l);
}

/* A process that was not looked at yet, of those that hold something; 0 for none. */
static pid_t next_other(struct look *l)
{
	const pid_t *tried = (const pid_t *)(const void *)l->tried.data;
	size_t ntried = l->tried.len / sizeof(*tried), n;
	const pid_t *outside = locks_outside(l->report.locks, &n);

	for (size_t i = 0; i < n && ntried < REPORT_OTHERS_MAX; i++) {
		size_t k = 0;

		while (k < ntried && tried[k] != outside[i])
			k++;
		if (k == ntried)
			return outside[i];
	}
	return 0;
}

/*
 * What is known so far may lead to another process, which is looked at then; one that is gone
 * meanwhile holds nothing.
 */
static void look_further(struct look *l)
{
	struct target other = {.kind = TARGET_PID};
	int err = report_locks(&l->report);

	while (!err && (other.pid = next_other(l))) {
		buf_append(&l->tried, &other.pid, sizeof(other.pid));
		err = buf_error(&l->tried);
		if (!err && !dump_start(l->engine, &other, l->what, other_dumped, l, &l->dump))
			return;
	}
	if (err)
		l->done(l->ctx, err);
	else
		name_frames(l);
}

static void dumped(void *ctx, struct dump *dump)
{
	struct look *l = ctx;

	l->dump = NULL;
	l->report.dump = dump;
	look_further(l);
}

int look_start(struct look *l, struct engine *engine, const struct target *target,
	       unsigned int what, void (*done)(void *ctx, int err), void *ctx)
{
	int err;

	*l = (struct look){
		.engine = engine,
		.target = *target,
		.what = what,
		.done = done,
		.ctx = ctx,
	};
	engine_use(engine);
	err = report_init(&l->report);
	return err ? err : dump_start(engine, target, what, dumped, l, &l->dump);
}

void look_deinit(struct look *l)
{
	dump_cancel(l->dump);
	resolve_cancel(l->resolve);
	report_deinit(&l->report);
	buf_deinit(&l->tried);
	engine_unuse(l->engine);
}
