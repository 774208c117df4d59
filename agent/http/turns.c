// SPDX-License-Identifier: GPL-2.0-or-later
#include "turns.h"

#include <stddef.h>

#include "request.h"

static void next_turn(struct loop_timer *timer)
{
	struct turns *t = (struct turns *)((char *)timer - offsetof(struct turns, timer));
	struct http_request *req = t->first;

	t->taken = req != NULL;
	if (!req)
		return;
	loop_timer_set(t->loop, &t->timer, 0);
	t->first = req->after;
	req->after = NULL;
	t->run(req);
}

void turns_init(struct turns *t, struct loop *loop, void (*run)(struct http_request *req))
{
	*t = (struct turns){.loop = loop, .timer.cb = next_turn, .run = run};
}

bool turns_take(struct turns *t)
{
	if (t->taken)
		return false;
	t->taken = true;
	loop_timer_set(t->loop, &t->timer, 0);
	return true;
}

void turns_wait(struct turns *t, struct http_request *req)
{
	struct http_request **at = &t->first;

	while (*at)
		at = &(*at)->after;
	*at = req;
}

void turns_leave(struct turns *t, struct http_request *req)
{
	struct http_request **at = &t->first;

	while (*at && *at != req)
		at = &(*at)->after;
	if (*at)
		*at = req->after;
	req->after = NULL;
}

void turns_deinit(struct turns *t)
{
	loop_timer_clear(t->loop, &t->timer);
}
