// SPDX-License-Identifier: GPL-2.0-or-later
#include "watched.h"

int watched_start(struct watched *w)
{
	const struct armed_spec *spec = &w->c.armed.spec;
	int err;

	w->watch.target = spec->target;
	w->watch.rate_ns = spec->rate;
	w->watch.kernel = spec->kernel;
	w->watch.ctx = w;
	err = wait_watch_start(w->c.engine, &w->watch);
	w->c.armed.engine = w->watch.engine;
	return err;
}

void watched_exit(void *ctx, pid_t pid, pid_t tid)
{
	struct watched *w = ctx;

	(void)tid;
	(void)pid;
	cumulative_check_exit(&w->c);
}

bool watched_alive(const struct cumulative *c)
{
	return wait_watch_alive(&((const struct watched *)c)->watch);
}

void watched_stop(struct cumulative *c)
{
	struct watched *w = (struct watched *)c;

	wait_watch_stop(c->engine, &w->watch);
}

void watched_cost(const struct cumulative *c, struct armed_cost *out)
{
	const struct watched *w = (const struct watched *)c;

	out->lost = w->watch.lost;
	out->dropped = w->watch.dropped;
}
