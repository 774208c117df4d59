/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What block, mutex and threadcreate have in common: a cumulative profile of what a watch tells. */
#ifndef KPPROF_WATCHED_H
#define KPPROF_WATCHED_H

#include "../engine/waits.h"
#include "cumulative.h"

/*
 * Waits shorter than this are kept with a probability, unless ?rate= says otherwise: at the most a
 * thousand stacks for each second that a thread waits.
 */
#define WAIT_RATE_DEFAULT_NS 1000000

/* The fields of struct armed_kind that kinds with a rate share. */
#define WATCHED_RATE                                               \
	.rate_unit = "ns", .rate_min = 0, .rate_max = 10000000000, \
	.rate_default = WAIT_RATE_DEFAULT_NS

/* The fields of struct cumulative_kind that kinds share which count waits and their time. */
#define WATCHED_CONTENTION                                                            \
	.size = sizeof(struct watched),                                               \
	.types = {{"contentions", "count"}, {"delay", "nanoseconds"}}, .nvalues = 2,  \
	.period_type = {"contentions", "count"}, .period = 1, .flush = watched_flush, \
	.stop = watched_stop, .alive = watched_alive, .cost = watched_cost,           \
	.comment = watched_comment

/**
 * struct watched - embedded as first
 * @on_open: for wait_watch_flush(): a wait goes on; may be NULL
 */
struct watched {
	struct cumulative c;
	struct wait_watch watch;
	void (*on_open)(void *ctx, const struct wait_event *w);
};

/** watched_start() - start @w->watch, of which the caller has set @what and the callbacks */
int watched_start(struct watched *w);

/** watched_exit() - for @on_exit of the watch: the target may be gone with its thread */
void watched_exit(void *ctx, pid_t pid, pid_t tid);

/* Functions of struct cumulative_kind. */
int watched_flush(struct cumulative *c);
bool watched_alive(const struct cumulative *c);
void watched_stop(struct cumulative *c);
void watched_cost(const struct cumulative *c, struct armed_cost *out);
/** watched_comment() - whether the module's governor has chosen fewer waits than the rate says */
void watched_comment(const struct cumulative *c, struct profile *p);

#endif /* KPPROF_WATCHED_H */
