/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A real HTTP server on loopback and its clients. The server runs in the test's own process;
 * clients are forked children with blocking sockets, which leave with status 0 when everything was
 * as expected. Include after cmocka.h.
 */
#ifndef KPPROF_TEST_HTTP_PLAY_H
#define KPPROF_TEST_HTTP_PLAY_H

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/base/loop.h"
#include "../../agent/http/params.h"
#include "../../agent/http/server.h"

enum { KEPT_MAX = 256, BIG = 8 << 20, GUARD_SECONDS = 20 };

/* What the server's process tells its clients. */
struct shared {
	unsigned int kept;
	unsigned int later;
	unsigned int gone;
	uint64_t gone_at;
};

struct later {
	struct loop_timer timer;
	struct http_request *req;
};

static struct loop *loop;
static struct http_server *server;
static struct shared *shared;
static unsigned int port;
static struct http_request *kept[KEPT_MAX];
/* Answers what a test has of its own; false for what it does not know. */
static bool (*also)(struct http_request *req);

/* --- the server's side --- */

static inline unsigned int count_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

/* How often this process went to sleep. */
static inline unsigned long switches(void)
{
	char *at, text[4096] = "";
	FILE *f = fopen("/proc/thread-self/status", "re");

	assert_non_null(f);
	assert_true(fread(text, 1, sizeof(text) - 1, f) > 0);
	fclose(f);
	at = strstr(text, "\nvoluntary_ctxt_switches:");
	assert_non_null(at);
	return strtoul(at + 25, NULL, 10);
}

static inline void on_gone(void *ctx)
{
	struct http_request **slot = ctx;

	*slot = NULL;
	shared->gone_at = loop_now();
	shared->gone++;
}

static inline struct http_request **keep(struct http_request *req)
{
	struct http_request **slot = kept;

	while (*slot)
		slot++;
	assert_true(slot < kept + KEPT_MAX);
	*slot = req;
	shared->kept++;
	return slot;
}

static inline void release(void)
{
	for (size_t i = 0; i < KEPT_MAX; i++) {
		struct http_request *req = take_ptr(kept[i]);

		if (req)
			http_reply_text(req, 200, "released\n");
	}
}

static inline void on_later(struct loop_timer *t)
{
	struct later *l = (struct later *)((char *)t - offsetof(struct later, timer));

	http_reply_text(l->req, 200, "later\n");
	free(l);
}

static inline void reply_later(struct http_request *req)
{
	struct later *l = calloc(1, sizeof(*l));
	int64_t ms = 0;

	l->req = req;
	l->timer.cb = on_later;
	param_int(http_param(req, "ms"), &ms);
	loop_timer_set(loop, &l->timer, (uint64_t)ms * NSEC_PER_MSEC);
}

static inline void reply_echo(struct http_request *req)
{
	static const struct http_header type = {"Content-Type", "text/plain"};
	_cleanup_buf_ struct buf b = {0};
	const char *a = http_param(req, "a"), *e = http_param(req, "b c");

	buf_printf(&b, "%s %s|%s|a=%s|b c=%s|%zu|", http_method_name(req), http_path(req),
		   http_query(req), a ? a : "(null)", e ? e : "(null)", http_body(req)->len);
	buf_append(&b, http_body(req)->data, http_body(req)->len);
	http_reply(req, 200, &type, 1, &b);
}

static inline void reply_big(struct http_request *req)
{
	_cleanup_buf_ struct buf b = {0};

	memset(buf_reserve(&b, BIG), 'x', BIG);
	http_reply_profile(req, "big", &b);
}

static inline void reply_numbers(struct http_request *req)
{
	char text[64];

	snprintf(text, sizeof(text), "%u %lu", count_fds(), switches());
	http_reply_text(req, 200, text);
}

static inline void handle(struct http_request *req, void *ctx)
{
	const char *path = http_path(req);

	assert_ptr_equal(ctx, &loop);
	if (also && also(req))
		return;
	if (strcmp(path, "/later") == 0) {
		shared->later++;
		reply_later(req);
	} else if (strcmp(path, "/never") == 0) {
		http_on_gone(req, on_gone, keep(req));
	} else if (strcmp(path, "/orphan") == 0) {
		keep(req);
	} else if (strcmp(path, "/release") == 0) {
		release();
		http_reply_text(req, 200, "done\n");
	} else if (strcmp(path, "/moved") == 0) {
		http_reply_redirect(req, "/a<b/");
	} else if (strcmp(path, "/get") == 0 || strcmp(path, "/post") == 0) {
		if (http_method_check(req, *++path == 'p'))
			http_reply_text(req, 200, "allowed\n");
	} else if (strcmp(path, "/big") == 0) {
		reply_big(req);
	} else if (strcmp(path, "/numbers") == 0) {
		reply_numbers(req);
	} else if (strcmp(path, "/error") == 0) {
		http_reply_error(req, 404, "no %s", "thing");
	} else {
		reply_echo(req);
	}
}

static inline void start(const struct http_config *limits)
{
	struct http_config cfg = *limits;
	char why[128];

	cfg.listen.addr = "127.0.0.1:0";
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(http_server_create(loop, &cfg, handle, &loop, why, sizeof(why), &server),
			 0);
	port = http_server_port(server);
	assert_in_range(port, 1, 65535);
	memset(shared, 0, sizeof(*shared));
}

static inline void stop(void)
{
	http_server_destroy(take_ptr(server));
	loop_destroy(take_ptr(loop));
}

static inline void on_child(struct loop_fd *w, uint32_t events)
{
	(void)w;
	(void)events;
	loop_stop(loop);
}

static inline void on_guard(struct loop_timer *t)
{
	(void)t;
	loop_stop(loop);
}

static inline void run_for(unsigned int ms)
{
	struct loop_timer t = {.cb = on_guard};

	loop_timer_set(loop, &t, ms * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_clear(loop, &t);
}

/* Runs the loop while a child plays the clients. */
static inline void serve(void (*client)(void))
{
	struct loop_fd w = {.fd = -1, .cb = on_child};
	struct loop_timer guard = {.cb = on_guard};
	pid_t pid = fork();
	int fd, status = 0;

	assert_true(pid >= 0);
	if (!pid) {
		client();
		_exit(0);
	}
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	assert_true(fd >= 0);
	assert_int_equal(loop_add(loop, &w, fd, EPOLLIN), 0);
	loop_timer_set(loop, &guard, GUARD_SECONDS * NSEC_PER_SEC);
	assert_int_equal(loop_run(loop), 0);
	loop_timer_clear(loop, &guard);
	loop_del(loop, &w);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

static inline void serve_with(const struct http_config *limits, void (*client)(void))
{
	unsigned int before = count_fds();

	start(limits);
	serve(client);
	stop();
	assert_int_equal(count_fds(), before);
}

/* --- the clients' side --- */

#define check(cond, ...)                                                           \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);                              \
			fprintf(stderr, "\n");                                     \
			_exit(1);                                                  \
		}                                                                  \
	} while (0)

static inline int dial(void)
{
	struct sockaddr_in in = {
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	check(connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0, "%s", strerror(errno));
	return fd;
}

static inline void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		data += n;
		len -= (size_t)n;
	}
}

static inline void say(int fd, const char *text)
{
	send_all(fd, text, strlen(text));
}

__attribute__((format(printf, 2, 3))) static inline void request(int fd, const char *fmt, ...)
{
	char *line;
	va_list ap;

	va_start(ap, fmt);
	check(vasprintf(&line, fmt, ap) > 0, "memory");
	va_end(ap);
	say(fd, line);
	say(fd, " HTTP/1.1\r\nHost: x\r\n\r\n");
	free(line);
}

/* Whether something arrives, the end included, in time. */
static inline bool readable(int fd, int ms)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, ms) == 1;
}

struct reply {
	int status;
	char head[2048];
	struct buf body;
};

/* Reads one reply, byte by byte in the head; no body for @head_only. Status 0 is the end of the
 * stream. */
static inline struct reply take_reply(int fd, bool head_only)
{
	struct reply r = {0};
	size_t n = 0, length;
	const char *at;
	ssize_t got;

	while (n < sizeof(r.head) - 1 && !strstr(r.head, "\r\n\r\n") &&
	       recv(fd, r.head + n, 1, 0) == 1)
		n++;
	if (sscanf(r.head, "HTTP/1.%*c %d", &r.status) != 1 || head_only || r.status == 100)
		return r;
	at = strstr(r.head, "Content-Length: ");
	check(at, "no length in %s", r.head);
	length = strtoul(at + 16, NULL, 10);
	if (length)
		buf_reserve(&r.body, length);
	for (n = 0; n < length; n += (size_t)got) {
		got = recv(fd, r.body.data + n, length - n, 0);
		check(got > 0, "the body is short: %zu of %zu", n, length);
	}
	buf_append(&r.body, "", 1);
	return r;
}

static inline void expect(int fd, int status, const char *body)
{
	struct reply r = take_reply(fd, false);

	check(r.status == status, "status %d, not %d, before \"%s\"", r.status, status, body);
	check(strcmp(r.body.data, body) == 0, "\"%s\", not \"%s\"", r.body.data, body);
	buf_deinit(&r.body);
}

static inline void expect_end(int fd, int ms)
{
	char c;

	check(readable(fd, ms), "still open");
	check(recv(fd, &c, 1, 0) <= 0, "a byte, not the end");
	close(fd);
}

/* The server's open descriptors, and how often it slept. */
static inline unsigned int server_numbers(unsigned long *sleeps)
{
	int fd = dial();
	struct reply r;
	unsigned int fds;

	request(fd, "GET /numbers");
	r = take_reply(fd, false);
	check(r.body.data && sscanf(r.body.data, "%u %lu", &fds, sleeps) == 2, "no numbers");
	buf_deinit(&r.body);
	close(fd);
	return fds;
}

static inline void wait_for(const unsigned int *counter, unsigned int n)
{
	for (int i = 0; i < 500 && __atomic_load_n(counter, __ATOMIC_SEQ_CST) < n; i++)
		usleep(10000);
	check(*counter == n, "%u, not %u", *counter, n);
}

static inline unsigned long now_ms(void)
{
	return loop_now() / NSEC_PER_MSEC;
}

static inline int status_of(const char *target)
{
	int fd = dial(), status;

	request(fd, "GET %s", target);
	status = take_reply(fd, true).status;
	close(fd);
	return status;
}

static inline int setup(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	return shared == MAP_FAILED ? -1 : 0;
}

#endif /* KPPROF_TEST_HTTP_PLAY_H */
