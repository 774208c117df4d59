// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "ask.h"
#include "listen.h"
#include "request.h"

enum {
	CONNECTIONS_DEFAULT = 128,
	/* Connections over the limit that are open at the same time: to be told so, or on their way
	 * out. */
	CONNECTIONS_OVER = 32,
	REFUSED_SECONDS = 2,
	ENDED_SECONDS = 1,
	IDLE_SECONDS_DEFAULT = 30,
	BODY_DEFAULT = 1 << 20,
	/* Per connection: request line, headers and libmicrohttpd's own tables must fit. */
	MEMORY = 32 << 10,
	/* A client that vanished without a word is found out after idle + count * interval seconds.
	 */
	KEEPALIVE_IDLE = 30,
	KEEPALIVE_INTERVAL = 10,
	KEEPALIVE_COUNT = 3,
};

/*
 * @again: libmicrohttpd has to be run though nothing happens on its sockets: a connection was
 *	resumed or is new
 * @first, @last: connections, those that have waited longest for a request first
 */
struct http_server {
	struct request_env requests;
	struct loop *loop;
	struct listener *listener;
	struct MHD_Daemon *daemon;
	struct loop_fd watch;
	struct loop_timer timer;
	struct access_policy access;
	struct connection *first;
	struct connection *last;
	unsigned int max_connections;
	unsigned int idle_seconds;
	unsigned int nconnections;
	unsigned int nadmitted;
	bool again;
	bool closing;
};

/*
 * A connection; what libmicrohttpd's own timeout does not see is a client that dribbles.
 *
 * @busy: a whole request is there and not answered
 * @evicted: it was closed for another's sake, and libmicrohttpd has not seen that yet
 */
struct connection {
	struct connection *prev;
	struct connection *next;
	struct http_server *server;
	int fd;
	bool admitted;
	bool busy;
	bool evicted;
	struct loop_timer deadline;
};

static void list_add(struct connection *c)
{
	struct http_server *s = c->server;

	c->next = NULL;
	c->prev = s->last;
	if (s->last)
		s->last->next = c;
	else
		s->first = c;
	s->last = c;
}

static void list_del(struct connection *c)
{
	struct http_server *s = c->server;

	if (c->prev)
		c->prev->next = c->next;
	else
		s->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		s->last = c->prev;
}

static void on_deadline(struct loop_timer *t)
{
	struct connection *c =
		(struct connection *)((char *)t - offsetof(struct connection, deadline));

	log_debug("a client is too slow: closing its connection");
	/* libmicrohttpd sees the end of the stream and tears the connection down. */
	shutdown(c->fd, SHUT_RDWR);
}

static void set_deadline(struct connection *c, unsigned int seconds)
{
	if (!c->admitted)
		seconds = REFUSED_SECONDS;
	loop_timer_set(c->server->loop, &c->deadline, seconds * NSEC_PER_SEC);
}

static struct connection *connection_of(struct MHD_Connection *conn)
{
	return MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

static void set_keepalive(int fd)
{
	static const int on = 1, idle = KEEPALIVE_IDLE, interval = KEEPALIVE_INTERVAL,
			 count = KEEPALIVE_COUNT;

	/* Without them a vanished client is noticed later. */
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static void admit(struct connection *c)
{
	if (c->admitted || c->evicted || c->server->nadmitted >= c->server->max_connections)
		return;
	c->admitted = true;
	c->server->nadmitted++;
}

static void connection_opened(struct http_server *s, struct MHD_Connection *conn, void **ctx)
{
	struct connection *c = calloc(1, sizeof(*c));

	s->nconnections++;
	*ctx = c;
	if (!c)
		return; /* on_request_line() closes it */
	c->server = s;
	c->fd = MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	list_add(c);
	admit(c);
	c->deadline.cb = on_deadline;
	set_keepalive(c->fd);
	/* Silence for so long is libmicrohttpd's to end; it looks at the clock less often. */
	set_deadline(c, 2 * s->idle_seconds);
}

static void connection_closed(struct http_server *s, void **ctx)
{
	struct connection *c = *ctx;

	s->nconnections--;
	*ctx = NULL;
	if (!c)
		return;
	list_del(c);
	s->nadmitted -= c->admitted;
	loop_timer_clear(s->loop, &c->deadline);
	free(c);
}

static void on_connection(void *cls, struct MHD_Connection *conn, void **ctx,
			  enum MHD_ConnectionNotificationCode code)
{
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		connection_opened(cls, conn, ctx);
	else
		connection_closed(cls, ctx);
}

static void *on_request_line(void *cls, const char *target, struct MHD_Connection *conn)
{
	struct http_server *s = cls;
	struct connection *c = connection_of(conn);

	if (!c || s->closing)
		return NULL;
	admit(c); /* somebody may have left meanwhile */
	set_deadline(c, s->idle_seconds);
	return request_begin(&s->requests, conn, target ? target : "", !c->admitted);
}

static enum MHD_Result on_access(void *cls, struct MHD_Connection *conn, const char *url,
				 const char *method, const char *version, const char *data,
				 size_t *size, void **ctx)
{
	struct http_server *s = cls;
	struct connection *c = connection_of(conn);
	enum MHD_Result result;

	(void)url;
	(void)version;
	if (!*ctx || s->closing)
		return MHD_NO;
	result = request_access(*ctx, method, data, size);
	if (request_is_complete(*ctx)) {
		c->busy = true;
		loop_timer_clear(s->loop, &c->deadline);
	}
	return result;
}

/* Whether the client has closed its side, and all it sent was read. */
static bool at_end(const struct connection *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void on_completed(void *cls, struct MHD_Connection *conn, void **ctx,
			 enum MHD_RequestTerminationCode why)
{
	struct http_server *s = cls;
	struct connection *c = connection_of(conn);

	(void)why;
	if (*ctx)
		request_completed(*ctx);
	*ctx = NULL;
	/*
	 * The end may have come together with the request, in one event of which libmicrohttpd took
	 * the data only. It still gets to requests that it has already read.
	 */
	if (!c)
		return;
	set_deadline(c, at_end(c) ? ENDED_SECONDS : 2 * s->idle_seconds);
	c->busy = false;
	list_del(c);
	list_add(c);
}

__attribute__((format(printf, 2, 0))) static void on_log(void *cls, const char *fmt, va_list ap)
{
	char line[256];

	(void)cls;
	vsnprintf(line, sizeof(line), fmt, ap);
	line[strcspn(line, "\n")] = '\0';
	log_debug("libmicrohttpd: %s", line);
}

/* When libmicrohttpd has to be run without anything happening on its sockets. */
static void set_timer(struct http_server *s)
{
	MHD_UNSIGNED_LONG_LONG ms = 0;

	if (s->again)
		loop_timer_set(s->loop, &s->timer, 0);
	else if (MHD_get_timeout(s->daemon, &ms) == MHD_YES)
		/* A moment after its time: at the very time it would find nothing to do yet. */
		loop_timer_set(s->loop, &s->timer, ms ? (ms + 1) * NSEC_PER_MSEC : 0);
	else
		loop_timer_clear(s->loop, &s->timer);
}

static void on_resumed(struct http_server *s)
{
	s->again = true;
	set_timer(s);
}

static void run_daemon(struct http_server *s)
{
	s->again = false;
	MHD_run(s->daemon);
	set_timer(s);
}

static void on_ready(struct loop_fd *w, uint32_t events)
{
	(void)events;
	run_daemon((struct http_server *)((char *)w - offsetof(struct http_server, watch)));
}

static void on_timer(struct loop_timer *t)
{
	run_daemon((struct http_server *)((char *)t - offsetof(struct http_server, timer)));
}

/*
 * Those who have not sent a whole request make room for somebody who may: a thousand clients that
 * say one byte a second keep nobody out. The one that has had most time goes.
 */
static void make_room(struct http_server *s)
{
	for (struct connection *c = s->first; c; c = c->next) {
		if (c->busy || !c->admitted)
			continue;
		log_debug("too many connections: closing one that asks nothing");
		c->evicted = true;
		c->admitted = false;
		s->nadmitted--;
		shutdown(c->fd, SHUT_RDWR);
		return;
	}
}

/* What did not even get a connection of libmicrohttpd's. */
static void turn_away(int fd)
{
	static const char text[] = "HTTP/1.1 503 Service Unavailable\r\n"
				   "Connection: close\r\nContent-Length: 0\r\n\r\n";

	(void)!send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	close(fd);
}

static void on_accepted(void *ctx, int fd, const struct sockaddr_storage *peer, socklen_t len)
{
	struct http_server *s = ctx;

	if (s->nadmitted >= s->max_connections)
		make_room(s);
	if (s->nconnections >= s->max_connections + CONNECTIONS_OVER)
		run_daemon(s); /* it has yet to see who was closed */
	if (s->nconnections >= s->max_connections + CONNECTIONS_OVER) {
		turn_away(fd);
		return;
	}
	/* Closes the descriptor when it fails. */
	if (MHD_add_connection(s->daemon, fd, (const struct sockaddr *)peer, len) != MHD_YES)
		log_debug("a connection could not be taken: %s", strerror(errno));
	s->again = true;
	set_timer(s);
}

static struct MHD_Daemon *start_daemon(struct http_server *s)
{
	return MHD_start_daemon(
		MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME |
			MHD_USE_ERROR_LOG,
		0, NULL, NULL, on_access, s, MHD_OPTION_EXTERNAL_LOGGER, on_log, NULL,
		MHD_OPTION_CONNECTION_LIMIT, s->max_connections + CONNECTIONS_OVER,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
		s->idle_seconds, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_CONNECTION,
		on_connection, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
		MHD_OPTION_URI_LOG_CALLBACK, on_request_line, s, MHD_OPTION_END);
}

static int start(struct http_server *s, const struct http_config *cfg, char *why, size_t size)
{
	int err;

	s->daemon = start_daemon(s);
	if (!s->daemon) {
		err = errno ? -errno : -ENOMEM;
		snprintf(why, size, "%s", strerror(-err));
		return err;
	}
	err = loop_add(s->loop, &s->watch,
		       MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN);
	if (err)
		return err;
	return listen_create(s->loop, &cfg->listen, on_accepted, s, why, size, &s->listener);
}

int http_server_create(struct loop *loop, const struct http_config *cfg, http_handler handler,
		       void *ctx, char *why, size_t size, struct http_server **out)
{
	struct http_server *s = calloc(1, sizeof(*s));
	int err;

	*why = '\0';
	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->watch.fd = -1;
	s->watch.cb = on_ready;
	s->timer.cb = on_timer;
	s->access = cfg->access;
	s->max_connections = cfg->max_connections ? cfg->max_connections : CONNECTIONS_DEFAULT;
	s->idle_seconds = cfg->idle_seconds ? cfg->idle_seconds : IDLE_SECONDS_DEFAULT;
	s->requests = (struct request_env){
		.loop = loop,
		.handler = handler,
		.ctx = ctx,
		.resumed = on_resumed,
		.server = s,
		.access = &s->access,
		.max_body = cfg->max_body ? cfg->max_body : BODY_DEFAULT,
	};
	turns_init(&s->requests.turns, loop, request_turn);
	err = start(s, cfg, why, size);
	if (err) {
		http_server_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

/* libmicrohttpd must not be stopped while it has a suspended connection. */
static void stop(struct http_server *s)
{
	requests_abandon(&s->requests);
	loop_timer_clear(s->loop, &s->timer);
	MHD_run(s->daemon);
	MHD_stop_daemon(s->daemon);
}

void http_server_destroy(struct http_server *s)
{
	if (!s)
		return;
	s->closing = true;
	listen_destroy(s->listener);
	loop_del(s->loop, &s->watch);
	if (s->daemon)
		stop(s);
	requests_free(&s->requests);
	free(s);
}

int http_ask(struct http_server *s, const char *target, http_answered answered, void *ctx,
	     struct http_request **out)
{
	return ask_begin(&s->requests, target, answered, ctx, out);
}

const struct http_stats *http_server_stats(const struct http_server *s)
{
	return &s->requests.stats;
}

unsigned int http_server_connections(const struct http_server *s)
{
	return s->nconnections;
}

unsigned int http_server_port(const struct http_server *s)
{
	return listen_port(s->listener);
}

void http_server_describe(const struct http_server *s, struct buf *out)
{
	listen_describe(s->listener, out);
}
