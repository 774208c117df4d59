// SPDX-License-Identifier: GPL-2.0-or-later
#include "request.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>

#include "../base/cleanup.h"
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

/* A proxy's client sends a whole URL. */
static int set_target(struct http_request *req, const char *target)
{
	static const char http[] = "http://";
	char *query;

	if (strncasecmp(target, http, sizeof(http) - 1) == 0) {
		target += sizeof(http) - 1;
		req->authority = strndup(target, strcspn(target, "/?"));
		if (!req->authority)
			return -ENOMEM;
		target += strlen(req->authority);
	}
	req->path = strdup(target);
	if (!req->path)
		return -ENOMEM;
	query = strchr(req->path, '?');
	if (query)
		*query++ = '\0';
	req->query = query ? query : "";
	return 0;
}

struct http_request *request_create(struct request_env *env, const char *target)
{
	struct http_request *req = calloc(1, sizeof(*req));

	if (!req)
		return NULL;
	if (set_target(req, target)) {
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

/* Appends one "name=value", decoded. */
static int add_param(struct http_request *req, const char *text, size_t len)
{
	_cleanup_free_ char *name = strndup(text, len);
	char *value;

	if (!name)
		return -ENOMEM;
	value = strchr(name, '=');
	if (value)
		*value++ = '\0';
	if (percent_decode(name, true) || (value && percent_decode(value, true)))
		return -EINVAL;
	buf_append(&req->params, name, strlen(name) + 1);
	buf_append(&req->params, value ? value : "", (value ? strlen(value) : 0) + 1);
	return buf_error(&req->params);
}

int request_parse_query(struct http_request *req)
{
	const char *s = req->query;

	while (*s) {
		size_t len = strcspn(s, "&");
		int err = len ? add_param(req, s, len) : 0;

		if (err)
			return err;
		s += len + (s[len] == '&');
	}
	return 0;
}

static bool path_is_whole(const struct http_request *req)
{
	_cleanup_free_ char *copy = strdup(req->path);

	return copy && percent_decode(copy, false) == 0;
}

/* Answers what is not even a request. */
static bool refuse(struct http_request *req)
{
	int err = buf_error(&req->body);

	if (err)
		http_reply_error(req, err == -EFBIG ? 413 : http_status_of(err), "%s",
				 err == -EFBIG ? "the body is too large" : strerror(-err));
	else if (!path_is_whole(req))
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

static const char *header(const struct http_request *req, const char *name)
{
	return req->conn ? MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, name) : NULL;
}

/* A client that asks first need not send a body that is not taken. */
static bool body_is_announced_too_large(const struct http_request *req)
{
	int64_t length;
	int err = param_int(header(req, "Content-Length"), &length);

	return header(req, "Expect") &&
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

enum http_method http_method(const struct http_request *req)
{
	return req->method;
}

const char *http_method_name(const struct http_request *req)
{
	return req->method_name;
}

const char *http_path(const struct http_request *req)
{
	return req->path;
}

const char *http_query(const struct http_request *req)
{
	return req->query;
}

const char *http_param(const struct http_request *req, const char *name)
{
	const char *s = req->params.data, *end = s ? s + req->params.len : NULL;

	while (s < end) {
		const char *value = s + strlen(s) + 1;

		if (strcmp(s, name) == 0)
			return value;
		s = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_header_get(const struct http_request *req, const char *name)
{
	return header(req, name);
}

const char *http_authority(const struct http_request *req)
{
	return req->authority;
}

void http_set_user(struct http_request *req, const char *name)
{
	snprintf(req->user, sizeof(req->user), "%s", name);
}

const struct buf *http_body(const struct http_request *req)
{
	return &req->body;
}

struct http_server *http_server_of(const struct http_request *req)
{
	return req->env->server;
}

const char *http_remote(const struct http_request *req)
{
	return req->remote;
}

void http_on_gone(struct http_request *req, void (*gone)(void *ctx), void *ctx)
{
	req->gone = gone;
	req->gone_ctx = ctx;
}

struct MHD_Response *request_headers(struct MHD_Response *r, const struct http_header *headers,
				     size_t nheaders)
{
	bool good;

	if (!r)
		return NULL;
	good = MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < nheaders; i++)
		good = MHD_add_response_header(r, headers[i].name, headers[i].value) && good;
	if (good)
		return r;
	MHD_destroy_response(r);
	return NULL;
}

static struct MHD_Response *make_response(struct buf *body)
{
	struct MHD_Response *r;

	if (body->len)
		r = MHD_create_response_from_buffer_with_free_callback(body->len, body->data, free);
	else
		r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (r && body->len)
		*body = (struct buf){0};
	return r;
}

void request_answer(struct http_request *req, unsigned int status, struct MHD_Response *response)
{
	bool kept = req->state == REQUEST_KEPT;

	loop_del(req->env->loop, &req->watch);
	req->gone = NULL;
	req->state = REQUEST_ANSWERED;
	req->status = status;
	req->response = response;
	if (kept)
		request_resume(req->env, req->conn);
}

bool request_drop_answer(struct http_request *req)
{
	if (req->state != REQUEST_GONE)
		return req->state == REQUEST_ANSWERED;
	req->orphan = false;
	if (!req->conn)
		request_free(req);
	return true;
}

void http_reply(struct http_request *req, unsigned int status, const struct http_header *headers,
		size_t nheaders, struct buf *body)
{
	int err = buf_error(body);

	if (err && req->state != REQUEST_GONE) {
		buf_deinit(body);
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
		return;
	}
	if (!request_drop_answer(req) && !ask_answer(req, status, body)) {
		req->bytes = body->len;
		request_answer(req, status,
			       request_headers(make_response(body), headers, nheaders));
	}
	buf_deinit(body);
}
