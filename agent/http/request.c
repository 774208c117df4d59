// SPDX-License-Identifier: GPL-2.0-or-later
#include "request.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "ask.h"
#include "auth.h"
#include "params.h"
#include "stream.h"
#include "unixsock.h"

static void list_add(struct http_request *req)
{
	req->next = req->env->all;
	if (req->next)
		req->next->prev = req;
	req->env->all = req;
}

static void list_del(struct http_request *req)
{
	if (req->prev)
		req->prev->next = req->next;
	else
		req->env->all = req->next;
	if (req->next)
		req->next->prev = req->prev;
}

void request_free(struct http_request *req)
{
	loop_del(req->env->loop, &req->watch);
	turns_leave(&req->env->turns, req);
	list_del(req);
	if (req->response)
		MHD_destroy_response(req->response);
	buf_deinit(&req->params);
	buf_deinit(&req->body);
	free(req->authority);
	free(req->path);
	free(req);
}

static void describe_remote(struct http_request *req)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;

	if (sa && (sa->sa_family == AF_INET || sa->sa_family == AF_INET6)) {
		listen_addr_text((const void *)sa, req->remote, sizeof(req->remote));
		return;
	}
	info = MHD_get_connection_info(req->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
	unixsock_peer(info->connect_fd, req->remote, sizeof(req->remote));
}

struct http_request *request_create(struct request_env *env, const char *target)
{
	struct http_request *req = calloc(1, sizeof(*req));

	if (!req)
		return NULL;
	if (request_set_target(req, target)) {
		free(req->authority);
		free(req);
		return NULL;
	}
	req->began = loop_now();
	req->env = env;
	req->watch.fd = -1;
	list_add(req);
	return req;
}

struct http_request *request_begin(struct request_env *env, struct MHD_Connection *conn,
				   const char *target, bool refused)
{
	struct http_request *req = request_create(env, target);

	if (!req)
		return NULL;
	req->conn = conn;
	req->refused = refused;
	req->body.max = env->max_body;
	describe_remote(req);
	return req;
}

bool request_is_complete(const struct http_request *req)
{
	return req->state > REQUEST_BODY;
}

/* Answers what is not even a request. */
static bool refuse(struct http_request *req)
{
	int err = buf_error(&req->body);

	if (err)
		http_reply_error(req, err == -EFBIG ? 413 : http_status_of(err), "%s",
				 err == -EFBIG ? "the body is too large" : strerror(-err));
	else if (!request_path_is_whole(req))
		http_reply_error(req, 400, "the path has a broken %% escape");
	else if ((err = request_parse_query(req)))
		http_reply_error(req, err == -EINVAL ? 400 : http_status_of(err), "%s",
				 err == -EINVAL ? "the query has a broken % escape"
						: strerror(-err));
	else
		return false;
	return true;
}

static enum MHD_Result send_response(struct http_request *req)
{
	if (!req->response)
		return MHD_NO;
	return MHD_queue_response(req->conn, req->status, req->response);
}

void request_lose(struct http_request *req)
{
	void (*gone)(void *ctx) = req->gone;
	bool was_open = req->state == REQUEST_KEPT || req->state == REQUEST_IN_HANDLER;

	loop_del(req->env->loop, &req->watch);
	turns_leave(&req->env->turns, req);
	req->gone = NULL;
	req->state = REQUEST_GONE;
	if (was_open && gone)
		gone(req->gone_ctx);
	else if (was_open)
		req->orphan = true;
}

void request_resume(struct request_env *env, struct MHD_Connection *conn)
{
	MHD_resume_connection(conn);
	env->resumed(env->server);
}

static void on_hangup(struct loop_fd *w, uint32_t events)
{
	struct http_request *req =
		(struct http_request *)((char *)w - offsetof(struct http_request, watch));
	struct MHD_Connection *conn = req->conn;
	struct request_env *env = req->env;

	log_debug("%s hung up (%#x)", req->remote, events);
	request_lose(req);
	stream_resumed(req->stream);
	request_resume(env, conn);
}

int request_watch(struct http_request *req)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->conn, MHD_CONNECTION_INFO_CONNECTION_FD);

	req->watch.cb = on_hangup;
	/* Readable is not asked for: what a client sends ahead of the reply stays in the socket. */
	return loop_add(req->env->loop, &req->watch, info->connect_fd, EPOLLRDHUP);
}

static enum MHD_Result keep(struct http_request *req)
{
	if (request_watch(req)) {
		request_lose(req);
		return MHD_NO;
	}
	req->state = REQUEST_KEPT;
	MHD_suspend_connection(req->conn);
	return MHD_YES;
}

/* Whoever hangs up meanwhile is seen when the handler has run. */
static enum MHD_Result queue(struct http_request *req)
{
	turns_wait(&req->env->turns, req);
	req->state = REQUEST_QUEUED;
	MHD_suspend_connection(req->conn);
	return MHD_YES;
}

void request_turn(struct http_request *req)
{
	if (req->answered) {
		ask_run(req);
		return;
	}
	req->state = REQUEST_KEPT;
	if (!request_watch(req)) {
		req->env->handler(req, req->env->ctx);
		return;
	}
	req->state = REQUEST_GONE;
	request_resume(req->env, req->conn);
}

static enum MHD_Result dispatch(struct http_request *req)
{
	if (refuse(req))
		return send_response(req);
	if (!turns_take(&req->env->turns))
		return queue(req);
	req->state = REQUEST_IN_HANDLER;
	req->env->handler(req, req->env->ctx);
	return req->state == REQUEST_ANSWERED ? send_response(req) : keep(req);
}

/* A client that asks first need not send a body that is not taken. */
static bool body_is_announced_too_large(const struct http_request *req)
{
	int64_t length;
	int err = param_int(http_header_get(req, "Content-Length"), &length);

	return http_header_get(req, "Expect") &&
	       (err == -ERANGE || (!err && (uint64_t)length > req->body.max));
}

static enum MHD_Result take_head(struct http_request *req, const char *method)
{
	static const char *const names[] = {
		[HTTP_GET] = "GET",
		[HTTP_HEAD] = "HEAD",
		[HTTP_POST] = "POST",
	};

	snprintf(req->method_name, sizeof(req->method_name), "%s", method);
	req->method = HTTP_OTHER;
	for (int m = HTTP_GET; m < HTTP_OTHER; m++)
		if (strcmp(method, names[m]) == 0)
			req->method = (enum http_method)m;
	req->state = REQUEST_BODY;
	if (req->refused)
		http_reply_error(req, 503, "too many connections");
	else if (strlen(req->path) + strlen(req->query) > REQUEST_TARGET_MAX)
		http_reply_error(req, 414, "path and query are too long");
	else if (!access_check(req->env->access, req))
		return send_response(req);
	else if (body_is_announced_too_large(req))
		http_reply_error(req, 413, "the body is too large");
	return req->state == REQUEST_ANSWERED ? send_response(req) : MHD_YES;
}

static enum MHD_Result take_body(struct http_request *req, const char *data, size_t *size)
{
	/* Nobody looks at what comes with the other methods. */
	if (req->method == HTTP_POST)
		buf_append(&req->body, data, *size);
	*size = 0;
	return MHD_YES;
}

enum MHD_Result request_access(struct http_request *req, const char *method, const char *data,
			       size_t *size)
{
	switch (req->state) {
	case REQUEST_NEW:
		return take_head(req, method);
	case REQUEST_BODY:
		return *size ? take_body(req, data, size) : dispatch(req);
	case REQUEST_ANSWERED:
		return send_response(req);
	default:
		return MHD_NO;
	}
}

/* One line a request, for whoever wants to know later who looked at what. */
static void log_request(const struct http_request *req)
{
	double seconds = (double)(loop_now() - req->began) / NSEC_PER_SEC;
	char outcome[32] = "no answer";

	if (req->state == REQUEST_NEW) {
		log_debug("%s: a request without an end", req->remote);
		return;
	}
	if (req->status)
		snprintf(outcome, sizeof(outcome), "%u, %zu bytes", req->status, req->bytes);
	log_info("%s%s%s %s %.256s%s%.256s: %s, %.3f s", req->remote, *req->user ? " " : "",
		 req->user, req->method_name, req->path, *req->query ? "?" : "", req->query,
		 outcome, seconds);
}

static void count_request(struct http_request *req)
{
	unsigned int class = req->status / 100;

	if (req->state == REQUEST_NEW)
		return;
	req->env->stats.requests[class < HTTP_CLASSES ? class : 0]++;
	req->env->stats.bytes += req->bytes;
}

void request_completed(struct http_request *req)
{
	log_request(req);
	count_request(req);
	request_lose(req);
	req->conn = NULL;
	stream_forget(req->stream);
	if (!req->orphan)
		request_free(req);
}

/* Whether its connection is suspended, or may be when libmicrohttpd runs once more. */
static bool may_wait(const struct http_request *req)
{
	return req->conn && (req->state == REQUEST_QUEUED || req->state == REQUEST_KEPT ||
			     (req->stream && req->state == REQUEST_ANSWERED));
}

void requests_abandon(struct request_env *env)
{
	struct http_request *req = env->all;

	turns_deinit(&env->turns);
	while (req) {
		bool suspended = req->state == REQUEST_QUEUED || req->state == REQUEST_KEPT ||
				 stream_is_paused(req->stream);

		if (!may_wait(req)) {
			req = req->next;
			continue;
		}
		request_lose(req);
		stream_resumed(req->stream);
		if (suspended)
			request_resume(env, req->conn);
		/* What was told may have let go of others. */
		req = env->all;
	}
}

void requests_free(struct request_env *env)
{
	while (env->all)
		request_free(env->all);
}

void http_on_gone(struct http_request *req, void (*gone)(void *ctx), void *ctx)
{
	req->gone = gone;
	req->gone_ctx = ctx;
}
