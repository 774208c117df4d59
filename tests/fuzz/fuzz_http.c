// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What strangers send over HTTP. The first byte of an input says who gets the rest: route_parse(),
 * the parsers of params.c and target.c, or a real server on loopback with a handler that does what
 * the agent's does. To the server, ff fe in the input is a pause and ff fd a client that hangs up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/base/loop.h"
#include "../../agent/engine/target.h"
#include "../../agent/http/index.h"
#include "../../agent/http/params.h"
#include "../../agent/http/route.h"
#include "../../agent/http/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond)                                                                              \
	do {                                                                                    \
		if (!(cond)) {                                                                  \
			fprintf(stderr, "%s:%d: not so: %s (%m)\n", __FILE__, __LINE__, #cond); \
			abort();                                                                \
		}                                                                               \
	} while (0)

enum { QUIET_ROUNDS = 8, KEPT_MAX = 64 };

static const struct target box = {.kind = TARGET_BOX};

static void check_index(const struct route *r)
{
	const unsigned int counts[ENDPOINT_N] = {0};
	_cleanup_buf_ struct buf page = {0};

	must(index_page(r, counts, &page) == 0);
	must(!memmem(page.data, page.len, "<script", 7));
}

/* The canonical path of a target leads to the same target. */
static void check_prefix(const struct route *r)
{
	char path[sizeof(r->location) + 16];
	struct route again;

	snprintf(path, sizeof(path), "%s/debug/pprof/heap", r->prefix);
	must(route_parse(path, NULL, NULL, &box, &again) == ROUTE_OK);
	must(again.endpoint == ENDPOINT_HEAP);
	must(again.target.kind == r->target.kind && again.target.pid == r->target.pid);
	must(strcmp(again.target.comm, r->target.comm) == 0);
}

static void check_target(const struct target *t)
{
	char text[128];

	must(t->kind != TARGET_PID || (t->pid > 0 && t->pid <= TARGET_PID_MAX));
	must(t->kind != TARGET_COMM || (*t->comm && !strpbrk(t->comm, "/\n\t\x01\x7f")));
	must(*target_describe(t, text, sizeof(text)));
}

static enum route_result check_route(const char *path, const char *pid, const char *comm,
				     struct route *r)
{
	enum route_result result = route_parse(path, pid, comm, &box, r);
	struct route again;

	if (result == ROUTE_OK) {
		must(r->endpoint < ENDPOINT_N);
		check_target(&r->target);
		check_prefix(r);
		check_index(r);
	} else if (result == ROUTE_REDIRECT) {
		must(route_parse(r->location, NULL, NULL, &box, &again) == ROUTE_OK);
		must(again.endpoint == ENDPOINT_INDEX);
	} else if (result == ROUTE_BAD_TARGET) {
		must(*r->why);
	}
	return result;
}

/* A path, a pid and a name, each in a line. */
static void fuzz_route(char *text)
{
	char *path = strsep(&text, "\n"), *pid = strsep(&text, "\n");
	struct route r;

	check_route(path, pid, text, &r);
}

static void fuzz_texts(char *text)
{
	_cleanup_free_ char *html = html_escape(text);
	_cleanup_buf_ struct buf encoded = {0};
	struct target t;
	int64_t n;

	must(!strpbrk(html, "<>\"'"));
	if (target_parse(text, &t) == 0)
		check_target(&t);
	must(param_int(text, &n) || strspn(text, "+-0123456789") == strlen(text));
	percent_encode(&encoded, text);
	buf_append(&encoded, "", 1);
	must(percent_decode(encoded.data, false) == 0 && strcmp(encoded.data, text) == 0);
	percent_decode(text, true);
}

/* --- the server --- */

/*
 * @data, @end: what the client has not sent yet
 * @kept: requests without an answer, NULL where there is none
 * @quiet: rounds of the loop in which the client got nothing
 */
struct play {
	struct loop *loop;
	struct loop_fd client;
	struct loop_timer round;
	const uint8_t *data;
	const uint8_t *end;
	struct http_request *kept[KEPT_MAX];
	unsigned int quiet;
};

static void on_gone(void *ctx)
{
	struct http_request **slot = ctx;

	must(*slot);
	*slot = NULL;
}

static bool keep(struct play *p, struct http_request *req)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		if (p->kept[i])
			continue;
		p->kept[i] = req;
		http_on_gone(req, on_gone, &p->kept[i]);
		return true;
	}
	return false;
}

static void reply(struct http_request *req)
{
	_cleanup_buf_ struct buf b = {0};

	buf_append(&b, http_body(req)->data, http_body(req)->len);
	http_reply_profile(req, "profile", &b);
}

static void serve(struct play *p, struct http_request *req, const struct route *r)
{
	const unsigned int counts[ENDPOINT_N] = {0};
	_cleanup_buf_ struct buf page = {0};
	int64_t n;

	param_int(http_param(req, "seconds"), &n);
	if (r->endpoint == ENDPOINT_INDEX) {
		must(index_page(r, counts, &page) == 0);
		http_reply_html(req, &page);
	} else if (r->endpoint != ENDPOINT_PROFILE || !keep(p, req)) {
		reply(req);
	}
}

static void handle(struct http_request *req, void *ctx)
{
	struct route r;

	must(http_method_name(req) && http_remote(req) && http_query(req));
	switch (check_route(http_path(req), http_param(req, "pid"), http_param(req, "comm"), &r)) {
	case ROUTE_OK:
		if (http_method_check(req, r.endpoint == ENDPOINT_SYMBOL))
			serve(ctx, req, &r);
		break;
	case ROUTE_REDIRECT:
		http_reply_redirect(req, r.location);
		break;
	case ROUTE_UNKNOWN_PROFILE:
		http_reply_error(req, 404, "Unknown profile");
		break;
	case ROUTE_NOT_FOUND:
		http_reply_text(req, 404, "404 page not found\n");
		break;
	case ROUTE_BAD_TARGET:
		http_reply_error(req, 400, "%s", r.why);
		break;
	}
}

static void on_client(struct loop_fd *w, uint32_t events)
{
	struct play *p = (struct play *)((char *)w - offsetof(struct play, client));
	char text[4096];

	(void)events;
	if (recv(w->fd, text, sizeof(text), MSG_DONTWAIT) <= 0)
		loop_stop(p->loop);
	p->quiet = 0;
}

static void answer_kept(struct play *p)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct http_request *req = take_ptr(p->kept[i]);

		if (req)
			reply(req);
	}
}

/* Sends up to the next pause; returns false when there is nothing left. */
static bool send_some(struct play *p)
{
	const uint8_t *to = p->data;

	if (p->data == p->end)
		return false;
	while (to < p->end &&
	       !(p->end - to > 1 && to[0] == 0xff && (to[1] == 0xfe || to[1] == 0xfd)))
		to++;
	if (to > p->data &&
	    send(p->client.fd, p->data, (size_t)(to - p->data), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return false;
	p->data = p->end - to > 1 ? to + 2 : p->end;
	if (p->end - to > 1 && to[1] == 0xfd)
		p->data = p->end;
	if (p->data == p->end)
		shutdown(p->client.fd, SHUT_WR);
	return true;
}

/* Each round of the loop: a client that got nothing for some goes on, and then waits for answers.
 */
static void on_round(struct loop_timer *t)
{
	struct play *p = (struct play *)((char *)t - offsetof(struct play, round));

	if (++p->quiet % QUIET_ROUNDS == 0) {
		answer_kept(p);
		if (!send_some(p) && p->quiet >= 2 * QUIET_ROUNDS) {
			loop_stop(p->loop);
			return;
		}
	}
	loop_timer_set(p->loop, t, 0);
}

/* Each server has its own address, so that no port of a connection just closed is in the way. */
static uint32_t next_address(char *text, size_t size)
{
	static uint32_t n;
	uint32_t address = INADDR_LOOPBACK + ++n % 0xfffff0;

	snprintf(text, size, "127.%u.%u.%u:0", address >> 16 & 0xff, address >> 8 & 0xff,
		 address & 0xff);
	return address;
}

static int dial(uint32_t address, unsigned int port)
{
	const struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(address),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0);
	/* libFuzzer's alarm interrupts, and the connection goes on. */
	while (connect(fd, (const struct sockaddr *)&in, sizeof(in)) && errno != EISCONN)
		must(errno == EINTR || errno == EALREADY);
	return fd;
}

static void fuzz_server(const uint8_t *data, size_t size)
{
	char addr[32], why[128];
	uint32_t address = next_address(addr, sizeof(addr));
	const struct http_config cfg = {.listen.addr = addr, .max_body = 1000};
	struct play p = {
		.client.cb = on_client,
		.round.cb = on_round,
		.data = data,
		.end = data + size,
	};
	struct http_server *server;
	int fd;

	must(loop_create(&p.loop) == 0);
	must(http_server_create(p.loop, &cfg, handle, &p, why, sizeof(why), &server) == 0);
	fd = dial(address, http_server_port(server));
	must(loop_add(p.loop, &p.client, fd, EPOLLIN) == 0);
	send_some(&p);
	loop_timer_set(p.loop, &p.round, 0);
	must(loop_run(p.loop) == 0);
	loop_timer_clear(p.loop, &p.round);
	loop_del(p.loop, &p.client);
	if (size % 2)
		close(fd);
	http_server_destroy(server);
	for (size_t i = 0; i < KEPT_MAX; i++)
		must(!p.kept[i]);
	if (size % 2 == 0)
		close(fd);
	loop_destroy(p.loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	if (*data == 'r')
		fuzz_route(text);
	else if (*data == 't')
		fuzz_texts(text);
	else
		fuzz_server(data + 1, size - 1);
	return 0;
}
