/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request on its way between libmicrohttpd and the handler. request.c has its life,
 * request_fields.c what the client says, respond.c the answer. Private to these, server.c, stream.c
 * and ask.c; everybody else uses server.h.
 *
 * NEW, the request line is there -> BODY, the head is there -> IN_HANDLER -> ANSWERED. When another
 * handler has run just now, it is QUEUED first. A handler that returns without an answer makes it
 * KEPT: libmicrohttpd leaves the connection alone, and its socket is watched in the loop. From
 * there http_reply() leads to ANSWERED and a client that hangs up to GONE; in both, libmicrohttpd
 * has the connection again and asks what to do with it.
 */
#ifndef KPPROF_REQUEST_H
#define KPPROF_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "../base/loop.h"
#include "auth.h"
#include "server.h"
#include "turns.h"

/**
 * struct request_env - what all requests of a server share
 * @loop: where sockets of kept requests are watched
 * @handler: called for each complete request
 * @ctx: for @handler
 * @max_body: bytes
 * @access: who gets an answer
 * @resumed: libmicrohttpd has got a connection back, and must be run; with @server
 * @server: for @resumed
 * @all: every request that has not been freed
 * @turns: one handler after the other
 * @stats: of those that are over
 */
struct request_env {
	struct loop *loop;
	http_handler handler;
	void *ctx;
	size_t max_body;
	const struct access_policy *access;
	void (*resumed)(struct http_server *server);
	struct http_server *server;
	struct http_request *all;
	struct turns turns;
	struct http_stats stats;
};

enum request_state {
	REQUEST_NEW,
	REQUEST_BODY,
	REQUEST_QUEUED,
	REQUEST_IN_HANDLER,
	REQUEST_KEPT,
	REQUEST_ANSWERED,
	REQUEST_GONE
};

/**
 * struct http_request - a request
 * @prev: in the list of the environment, as @next
 * @after: who comes next, while it is queued
 * @conn: NULL when libmicrohttpd is done with it, or never had it
 * @path: owns the request's target, of which @query is the end
 * @params: names and values, each ended by a NUL, in turn
 * @user: who the client said it is, when that was checked; "" otherwise
 * @authority: host and port, when the request's target was a whole URL
 * @began: when the request line had come, on loop_now()'s clock
 * @bytes: of the answer's body
 * @orphan: the client is gone and nobody was told: freed by http_reply()
 * @stream: a body that is made while it is sent, or NULL
 * @answered: the agent itself asks, see http_ask(); NULL for a client's
 */
struct http_request {
	struct http_request *prev;
	struct http_request *next;
	struct http_request *after;
	struct request_env *env;
	struct MHD_Connection *conn;
	enum request_state state;
	struct loop_fd watch;
	enum http_method method;
	char method_name[16];
	char remote[LISTEN_ADDR_TEXT];
	char user[AUTH_NAME_MAX];
	char *authority;
	char *path;
	const char *query;
	struct buf params;
	struct buf body;
	bool refused;
	bool orphan;
	void (*gone)(void *ctx);
	void *gone_ctx;
	struct MHD_Response *response;
	unsigned int status;
	uint64_t began;
	size_t bytes;
	struct http_stream *stream;
	http_answered answered;
	void *answered_ctx;
};

/* Bytes of path and query: the longest that an endpoint needs is a list of addresses, which is sent
 * as a body when it is long. */
enum { REQUEST_TARGET_MAX = 8192 };

/** request_turn() - a request that was queued goes to its handler; @run of struct turns */
void request_turn(struct http_request *req);

/**
 * request_begin() - a request line has arrived
 * @env: of the server
 * @conn: the connection
 * @target: path and query, or an absolute URL, as sent
 * @refused: there are too many connections: the answer is 503 whatever comes
 *
 * Return: the request, which request_completed() ends, or NULL without memory.
 */
struct http_request *request_begin(struct request_env *env, struct MHD_Connection *conn,
				   const char *target, bool refused);

/**
 * request_access() - libmicrohttpd wants to go on with the request
 * @req: request
 * @method: as sent
 * @data: bytes of the body
 * @size: how many; 0 afterwards
 *
 * Return: MHD_NO to close the connection.
 */
enum MHD_Result request_access(struct http_request *req, const char *method, const char *data,
			       size_t *size);

/** request_is_complete() - whether nothing more is expected of the client */
bool request_is_complete(const struct http_request *req);

/** request_completed() - libmicrohttpd is done with the request, for whatever reason */
void request_completed(struct http_request *req);

/** request_create() - a request for path and query, or a URL, on the list of @env; NULL without
 * memory */
struct http_request *request_create(struct request_env *env, const char *target);

/** request_free() - take it off the list and free all it has */
void request_free(struct http_request *req);

/** request_set_target() - take path, query and authority apart; a proxy's client sends a whole URL.
 * Return: 0 or -ENOMEM */
int request_set_target(struct http_request *req, const char *target);

/** request_path_is_whole() - whether the path has no broken escape */
bool request_path_is_whole(const struct http_request *req);

/** request_parse_query() - fill in @params; 0; -EINVAL for a broken escape; -ENOMEM */
int request_parse_query(struct http_request *req);

/** request_watch() - see whether the client hangs up while its connection is suspended; 0 or -errno
 */
int request_watch(struct http_request *req);

/** request_lose() - the client is not there any more; libmicrohttpd still has to be told, or told
 * us */
void request_lose(struct http_request *req);

/** request_resume() - libmicrohttpd gets a suspended connection back */
void request_resume(struct request_env *env, struct MHD_Connection *conn);

/** request_drop_answer() - whether nobody is there to answer; the request may be freed then */
bool request_drop_answer(struct http_request *req);

/** request_headers() - add headers to a response, which is taken; NULL when there is none, or no
 * memory for them */
struct MHD_Response *request_headers(struct MHD_Response *r, const struct http_header *headers,
				     size_t nheaders);

/** request_answer() - hand a response over; with NULL the connection is closed */
void request_answer(struct http_request *req, unsigned int status, struct MHD_Response *response);

/** requests_abandon() - treat all clients as gone, before the server goes */
void requests_abandon(struct request_env *env);

/** requests_free() - free what is left when libmicrohttpd has stopped: nobody answered those */
void requests_free(struct request_env *env);

#endif /* KPPROF_REQUEST_H */
