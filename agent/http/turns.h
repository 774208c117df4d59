/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One handler in each round of the loop. What begins a capture opens events, which may take a tenth
 * of a second on a small box; of ten requests that come together the rings of the first would run
 * over before they are read. Private to request.c and ask.c.
 */
#ifndef KPPROF_TURNS_H
#define KPPROF_TURNS_H

#include <stdbool.h>

#include "../base/loop.h"

struct http_request;

/**
 * struct turns - who comes when
 * @first: requests that wait, oldest first, by their @after
 * @timer: the next turn
 * @taken: a handler has run in this round
 * @run: a request that has waited may go to its handler
 */
struct turns {
	struct loop *loop;
	struct http_request *first;
	struct loop_timer timer;
	bool taken;
	void (*run)(struct http_request *req);
};

/** turns_init() - nobody waits; @run: see struct turns */
void turns_init(struct turns *t, struct loop *loop, void (*run)(struct http_request *req));

/** turns_take() - true when a handler may run now; otherwise turns_wait() */
bool turns_take(struct turns *t);

/** turns_wait() - @run will be called in a later round, unless turns_leave() comes first */
void turns_wait(struct turns *t, struct http_request *req);

/** turns_leave() - it does not wait any more; one that does not is left alone */
void turns_leave(struct turns *t, struct http_request *req);

/** turns_deinit() - no turn comes any more */
void turns_deinit(struct turns *t);

#endif /* KPPROF_TURNS_H */
