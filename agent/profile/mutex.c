// SPDX-License-Identifier: GPL-2.0-or-later
#include "mutex.h"

#include "../base/cleanup.h"
#include "text.h"
#include "watched.h"

static void on_release(void *ctx, const struct release_event *r)
{
	const double values[] = {r->count, r->ns};
	struct cumulative *c = ctx;
	const struct profile_label labels[] = {
		cumulative_label(c, "kind", r->kind),
		cumulative_label(c, "thread", r->thread),
	};

	cumulative_count(c, cumulative_sample(c, r->pid, &r->stack, labels, ARRAY_SIZE(labels)),
			 values);
	cumulative_weigh(c, &r->stack, r->ns);
}

static int start(struct cumulative *c)
{
	struct watched *w = (struct watched *)c;

	w->watch.what = WATCH_MUTEX;
	w->watch.on_release = on_release;
	w->watch.on_exit = watched_exit;
	return watched_start(w);
}

const struct cumulative_kind mutex_profile = {
	.armed = {.id = KPPROF_KIND_MUTEX, .name = "mutex", WATCHED_RATE, CUMULATIVE_ARMED},
	.start = start,
	WATCHED_CONTENTION,
};

static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	(void)c;
	text_contention(p, "mutex", out);
}

void mutex_serve(struct armed_list *l, struct http_request *req, const struct target *target)
{
	const struct cumulative_view view = {.kind = &mutex_profile, .name = "mutex", .text = text};

	cumulative_serve(l, req, target, &view);
}
