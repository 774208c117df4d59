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

/** struct watched - embedded as first */
struct watched {
	struct cumulative c;
	struct wait_watch watch;
};

/** watched_start() - start @w->watch; its callbacks and @what are set, the rest is done here */
int watched_start(struct watched *w);

/** watched_exit() - for @on_exit of the watch: the target may be gone with its thread */
void watched_exit(void *ctx, pid_t pid, pid_t tid);

/* Functions of struct cumulative_kind. */
bool watched_alive(const struct cumulative *c);
void watched_stop(struct cumulative *c);
void watched_cost(const struct cumulative *c, struct armed_cost *out);
/** watched_comment() - whether the module's governor has chosen fewer waits than the rate says */
void watched_comment(const struct cumulative *c, struct profile *p);

#endif /* KPPROF_WATCHED_H */
