/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The HTTP server: libmicrohttpd inside the agent's event loop. A request is handed to one handler,
 * which answers at once or keeps the request and answers later; meanwhile the connection is
 * suspended and watched, so that a client that hangs up is noticed at once.
 */
#ifndef KPPROF_SERVER_H
#define KPPROF_SERVER_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "access.h"
#include "listen.h"

struct loop;
struct http_server;
struct http_request;

/**
 * struct http_config - limits, zero for the default
 * @listen: where
 * @access: who gets an answer; its texts stay the caller's
 * @max_connections: 128. A client more takes the place of the one that has waited longest without a
 *	whole request; when all are being worked on it gets 503.
 * @idle_seconds: a client that sends or takes nothing for so long, or that needs longer for a
 *	request, is dropped; 30. A request that is being worked on may take as long as it likes.
 * @max_body: bytes of a POST body, more are 413; 1 MiB
 */
struct http_config {
	struct listen_config listen;
	struct access_policy access;
	unsigned int max_connections;
	unsigned int idle_seconds;
	size_t max_body;
};

/**
 * typedef http_answered - what http_ask() has asked is answered
 * @body: the callee may move out of it; freed afterwards; its error is 0
 */
typedef void (*http_answered)(void *ctx, unsigned int status, struct buf *body);

/**
 * typedef http_handler - called once for each complete request (head and body)
 *
 * Must answer with http_reply() now or later. If later, http_on_gone() tells when there is nobody
 * left to answer; without it, http_reply() is due in any case and frees the request. What is wrong
 * as HTTP (broken escapes and NUL in path or query, bodies that are too large) is answered before
 * and does not come here.
 */
typedef void (*http_handler)(struct http_request *req, void *ctx);

/**
 * http_server_create() - listen and serve on the loop
 * @why: out: on error one sentence for the user
 *
 * Return: 0 or an error of listen_create().
 */
int http_server_create(struct loop *loop, const struct http_config *cfg, http_handler handler,
		       void *ctx, char *why, size_t size, struct http_server **out);

/** http_server_destroy() - close all connections (open requests are "gone"), then free */
void http_server_destroy(struct http_server *s);

/** http_server_port() - the port that is really listened on (the address may have said 0) */
unsigned int http_server_port(const struct http_server *s);

/* Of no answer, and 1xx to 5xx. */
enum { HTTP_CLASSES = 6 };

/**
 * struct http_stats - what a server has done
 * @requests: that are over, by the first digit of their status
 * @bytes: of bodies that were sent
 */
struct http_stats {
	uint64_t requests[HTTP_CLASSES];
	uint64_t bytes;
};

/** http_server_stats() - since it was created */
const struct http_stats *http_server_stats(const struct http_server *s);

/** http_server_connections() - how many are open */
unsigned int http_server_connections(const struct http_server *s);

/** http_server_describe() - append the addresses that are bound now, see listen_describe() */
void http_server_describe(const struct http_server *s, struct buf *out);

/**
 * http_ask() - ask the handler as a client would, without a connection
 * @s: server
 * @target: path and query, escaped
 * @answered: called once, perhaps before this returns. Whoever answers may be in the middle of
 *	something: nothing may be asked from here
 * @ctx: for it
 * @out: the request, for http_ask_cancel(); set before @answered is called
 *
 * An answer of more than 64 MB is one with status 500. Return: 0; or -errno, and nothing was asked.
 */
int http_ask(struct http_server *s, const char *target, http_answered answered, void *ctx,
	     struct http_request **out);

/** http_ask_cancel() - the answer is not wanted any more, and will not come; NULL is allowed */
void http_ask_cancel(struct http_request *asked);

/** http_server_of() - the server that a request came to */
struct http_server *http_server_of(const struct http_request *req);

enum http_method { HTTP_NONE, HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

/** http_method() - of the request */
enum http_method http_method(const struct http_request *req);

/** http_method_name() - as sent, cut to 15 bytes, for logs; hostile text */
const char *http_method_name(const struct http_request *req);

/** http_path() - the path as sent, its percent escapes checked; valid until the reply */
const char *http_path(const struct http_request *req);

/** http_query() - the raw query string without '?', "" for none */
const char *http_query(const struct http_request *req);

/** http_param() - first value of a query parameter, decoded, or NULL; valid until the reply */
const char *http_param(const struct http_request *req, const char *name);

/** http_header_get() - first value of a header of the request, as sent, or NULL */
const char *http_header_get(const struct http_request *req, const char *name);

/** http_authority() - host and port of a request line with a whole URL, NULL for one with a path */
const char *http_authority(const struct http_request *req);

/** http_set_user() - who it is, for the log; copied */
void http_set_user(struct http_request *req, const char *name);

/** http_body() - the POST body; not terminated */
const struct buf *http_body(const struct http_request *req);

/** http_remote() - the client's address and port as text, for logs */
const char *http_remote(const struct http_request *req);

/**
 * http_on_gone() - what to do when the client hangs up before the reply
 *
 * The callback is the last that is heard of the request; http_reply() must not be called any more.
 */
void http_on_gone(struct http_request *req, void (*gone)(void *ctx), void *ctx);

/**
 * struct http_header - a header of a reply
 */
struct http_header {
	const char *name;
	const char *value;
};

/**
 * http_reply() - answer; the request is gone for the caller afterwards
 * @req: request
 * @status: HTTP status
 * @headers: besides those that every reply has (Date, X-Content-Type-Options: nosniff); copied
 * @nheaders: how many
 * @body: moved out of; empty afterwards; one with an error is answered with 500
 *
 * HEAD gets the headers only, with the Content-Length of the body.
 */
void http_reply(struct http_request *req, unsigned int status, const struct http_header *headers,
		size_t nheaders, struct buf *body);

struct http_stream;

/**
 * http_reply_stream() - answer with a body that is made while it is sent
 * @req: request; gone for the caller afterwards
 * @status: HTTP status
 * @headers: as http_reply()
 * @nheaders: how many
 * @more: called from the loop whenever the client has taken what was there: appends to @out;
 *	returns 1 when there will be more, 0 at the end, -EAGAIN when there is nothing until
 *	http_stream_wake(), another -errno to break off
 * @end: called once: @more will not be called any more, whether all was sent or the client is gone
 * @ctx: for both
 *
 * Return: for http_stream_wake(), valid until @end; NULL when @end has been called.
 */
struct http_stream *http_reply_stream(struct http_request *req, unsigned int status,
				      const struct http_header *headers, size_t nheaders,
				      int (*more)(void *ctx, struct buf *out),
				      void (*end)(void *ctx), void *ctx);

/** http_stream_wake() - there is more now; @more is called from the loop */
void http_stream_wake(struct http_stream *s);

/** http_reply_text() - answer with text/plain; charset=utf-8 */
void http_reply_text(struct http_request *req, unsigned int status, const char *text);

/** http_reply_html() - answer with text/html; @body is moved out of */
void http_reply_html(struct http_request *req, struct buf *body);

/**
 * http_reply_redirect() - answer with 301 to @location and the request's own query, as Go does
 *
 * A method other than GET and HEAD gets 405 instead.
 */
void http_reply_redirect(struct http_request *req, const char *location);

/**
 * http_method_check() - GET and HEAD are allowed everywhere, POST where @post_allowed says so
 *
 * Return: true; or false when the request was answered with 405.
 */
bool http_method_check(struct http_request *req, bool post_allowed);

/** http_status_of() - 503 for -ENOMEM: the agent has a cap, and later there may be room; 500 */
static inline unsigned int http_status_of(int err)
{
	return err == -ENOMEM ? 503 : 500;
}

/** http_reply_error() - answer as Go's pprof does: text/plain, X-Go-Pprof: 1, message, newline */
__attribute__((format(printf, 3, 4))) void
http_reply_error(struct http_request *req, unsigned int status, const char *fmt, ...);

/** http_reply_profile() - answer with a gzipped profile, as a file called @name */
void http_reply_profile(struct http_request *req, const char *name, struct buf *gz);

#endif /* KPPROF_SERVER_H */
