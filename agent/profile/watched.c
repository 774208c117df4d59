// SPDX-License-Identifier: GPL-2.0-or-later
#include "watched.h"

#include "model.h"

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

static void flushed(void *ctx)
{
	cumulative_flushed(ctx);
}

int watched_flush(struct cumulative *c)
{
	struct watched *w = (struct watched *)c;

	return wait_watch_flush(c->engine, &w->watch, w->on_open, flushed, c);
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
	out->cpu_ns = w->watch.busy_ns;
	out->cpu_known = w->watch.engine == KPPROF_ENGINE_MODULE;
}

void watched_comment(const struct cumulative *c, struct profile *p)
{
	const struct wait_watch *w = &((const struct watched *)c)->watch;

	if (w->rate_most == w->rate_ns)
		return;
	profile_comment(p,
			"slowed by the governor, to keep the module within %u.%u %% of a CPU: "
			"rate %llu ns at the most, %llu ns now",
			w->budget / 10, w->budget % 10, (unsigned long long)w->rate_most,
			(unsigned long long)w->rate_now);
}
