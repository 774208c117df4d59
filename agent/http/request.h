/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One request on its way between libmicrohttpd and the handler. Private to server.c and request.c;
 * everybody else uses server.h.
 *
 * NEW, the request line is there -> BODY, the head is there -> IN_HANDLER -> ANSWERED. A handler
 * that returns without an answer makes it KEPT: libmicrohttpd leaves the connection alone, and its
 * socket is watched in the loop. From there http_reply() leads to ANSWERED and a client that hangs
 * up to GONE; in both, libmicrohttpd has the connection again and asks what to do with it.
 */
#ifndef KPPROF_REQUEST_H
#define KPPROF_REQUEST_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>

#include "server.h"

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
};

/* Bytes of path and query: the longest that an endpoint needs is a list of addresses, which is sent
 * as a body when it is long. */
enum { REQUEST_TARGET_MAX = 8192 };

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

/** requests_abandon() - treat all clients as gone, before the server goes */
void requests_abandon(struct request_env *env);

/** requests_free() - free what is left when libmicrohttpd has stopped: nobody answered those */
void requests_free(struct request_env *env);

#endif /* KPPROF_REQUEST_H */
