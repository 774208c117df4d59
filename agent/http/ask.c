// SPDX-License-Identifier: GPL-2.0-or-later
#include "ask.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* More than this of an answer is not kept. */
enum { ANSWER_MAX = 64 << 20 };

static void deliver(struct http_request *req)
{
	req->answered(req->answered_ctx, req->status, &req->body);
	request_free(req);
}

void ask_run(struct http_request *req)
{
	req->state = REQUEST_IN_HANDLER;
	req->env->handler(req, req->env->ctx);
	if (req->state == REQUEST_ANSWERED)
		deliver(req);
	else
		req->state = REQUEST_KEPT;
}

int ask_begin(struct request_env *env, const char *target, http_answered answered, void *ctx,
	      struct http_request **out)
{
	struct http_request *req = request_create(env, target);
	int err;

	if (!req)
		return -ENOMEM;
	err = request_parse_query(req);
	if (err) {
		request_free(req);
		return err;
	}
	req->answered = answered;
	req->answered_ctx = ctx;
	req->method = HTTP_GET;
	snprintf(req->method_name, sizeof(req->method_name), "GET");
	snprintf(req->remote, sizeof(req->remote), "the agent itself");
	*out = req;
	if (turns_take(&env->turns)) {
		ask_run(req);
		return 0;
	}
	req->state = REQUEST_QUEUED;
	turns_wait(&env->turns, req);
	return 0;
}

bool ask_answer(struct http_request *req, unsigned int status, struct buf *body)
{
	bool kept = req->state == REQUEST_KEPT;

	if (!req->answered)
		return false;
	req->gone = NULL;
	req->state = REQUEST_ANSWERED;
	req->status = status;
	buf_deinit(&req->body);
	req->body = *body;
	*body = (struct buf){0};
	/* In the handler it is ask_begin() that delivers. */
	if (kept)
		deliver(req);
	return true;
}

bool ask_stream(struct http_request *req, unsigned int status,
		int (*more)(void *ctx, struct buf *out), void (*end)(void *ctx), void *ctx)
{
	struct buf body = {.max = ANSWER_MAX};
	int err = 1;

	if (!req->answered)
		return false;
	while (err > 0 && !buf_error(&body))
		err = more(ctx, &body);
	end(ctx);
	if (!err)
		err = buf_error(&body);
	if (err)
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
	else
		ask_answer(req, status, &body);
	buf_deinit(&body);
	return true;
}

void http_ask_cancel(struct http_request *asked)
{
	bool mine;

	if (!asked)
		return;
	/* Who does not want to be told will answer in any case, and that frees it. */
	mine = asked->gone || asked->state == REQUEST_QUEUED;
	request_lose(asked);
	if (mine)
		request_free(asked);
}
