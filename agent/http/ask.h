/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests of the agent's own, see http_ask(). Private to server.c and request.c. */
#ifndef KPPROF_ASK_H
#define KPPROF_ASK_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

/** ask_run() - its turn has come: the handler is called */
void ask_run(struct http_request *req);

/** ask_begin() - see http_ask() */
int ask_begin(struct request_env *env, const char *target, http_answered answered, void *ctx,
	      struct http_request **out);

/** ask_answer() - take the answer if it was asked for by the agent itself; @body is moved out of */
bool ask_answer(struct http_request *req, unsigned int status, struct buf *body);

/**
 * ask_stream() - the same with a body that is made while it is sent: all of it is made now
 *
 * @end has been called when this returns true.
 */
bool ask_stream(struct http_request *req, unsigned int status,
		int (*more)(void *ctx, struct buf *out), void (*end)(void *ctx), void *ctx);

#endif /* KPPROF_ASK_H */
