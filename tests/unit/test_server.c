// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/server.c: what goes over the wire. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/http/request.h"
#include "../lib/http_play.h"

static void client_basic(void)
{
	int fd = dial();

	request(fd, "GET /x");
	expect(fd, 200, "GET /x||a=(null)|b c=(null)|0|");
	request(fd, "GET /a%%2fb%%20?b+c=1%%262&x&&=&a&a=2");
	expect(fd, 200, "GET /a%2fb%20|b+c=1%262&x&&=&a&a=2|a=|b c=1&2|0|");
	request(fd, "GET http://host:1/abs?a=1");
	expect(fd, 200, "GET /abs|a=1|a=1|b c=(null)|0|");
	request(fd, "BREW /pot");
	expect(fd, 200, "BREW /pot||a=(null)|b c=(null)|0|");
	request(fd, "GET /later?ms=20");
	expect(fd, 200, "later\n");
	request(fd, "GET /x?a=after");
	expect(fd, 200, "GET /x|a=after|a=after|b c=(null)|0|");
	close(fd);
}

static void test_basic(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_basic);
}

static void client_head(void)
{
	struct reply r;
	int fd = dial();

	request(fd, "HEAD /x");
	r = take_reply(fd, true);
	check(r.status == 200, "%d", r.status);
	check(strstr(r.head, "\r\nContent-Length: 31\r\n"), "%s", r.head);
	request(fd, "HEAD /later?ms=20");
	r = take_reply(fd, true);
	check(r.status == 200 && strstr(r.head, "\r\nContent-Length: 6\r\n"), "%s", r.head);
	request(fd, "GET /error");
	expect(fd, 404, "no thing\n");
	close(fd);
}

static void test_head(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_head);
}

static void expect_header(int fd, const char *target, const char *header, bool there)
{
	struct reply r;

	request(fd, "GET %s", target);
	r = take_reply(fd, false);
	check(!strstr(r.head, header) == !there, "%s of %s: %s", header, target, r.head);
	buf_deinit(&r.body);
}

static void client_headers(void)
{
	static const char *const all[] = {"/x", "/error", "/later", "/big", "/moved", "/%zz"};
	int fd = dial();

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		expect_header(fd, all[i], "\r\nX-Content-Type-Options: nosniff\r\n", true);
		expect_header(fd, all[i], "\r\nDate: ", true);
		expect_header(fd, all[i], "\r\nContent-Length: ", true);
		expect_header(fd, all[i], "Content-Encoding", false);
	}
	expect_header(fd, "/error", "\r\nX-Go-Pprof: 1\r\n", true);
	expect_header(fd, "/error", "\r\nContent-Type: text/plain; charset=utf-8\r\n", true);
	expect_header(fd, "/x", "X-Go-Pprof", false);
	expect_header(fd, "/big", "\r\nContent-Type: application/octet-stream\r\n", true);
	expect_header(fd, "/big", "\r\nContent-Disposition: attachment; filename=\"big\"\r\n",
		      true);
	expect_header(fd, "/moved", "\r\nContent-Type: text/html; charset=utf-8\r\n", true);
	expect_header(fd, "/moved?a=\"%20\x01\xff", "\r\nLocation: /a<b/?a=\"%20%01%FF\r\n", true);
	request(fd, "GET /moved?x=1&y");
	expect(fd, 301, "<a href=\"/a&lt;b/?x=1&amp;y\">Moved Permanently</a>.\n\n");
	close(fd);
}

static void test_headers(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_headers);
}

static void client_methods(void)
{
	static const char *const refused[] = {"POST /get",    "DELETE /get", "PUT /post",
					      "OPTIONS /get", "POST /moved", "get /get"};
	int fd = dial();

	request(fd, "GET /get");
	expect(fd, 200, "allowed\n");
	request(fd, "POST /post");
	expect(fd, 200, "allowed\n");
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
		bool post = strstr(refused[i], "/post");
		struct reply r;

		request(fd, "%s", refused[i]);
		r = take_reply(fd, false);
		check(r.status == 405, "%s: %d", refused[i], r.status);
		check(strstr(r.head,
			     post ? "\r\nAllow: GET, HEAD, POST\r\n" : "\r\nAllow: GET, HEAD\r\n"),
		      "%s", r.head);
		buf_deinit(&r.body);
	}
	close(fd);
}

static void test_methods(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_methods);
}

static void client_pipelining(void)
{
	int fd = dial();

	say(fd, "GET /later?ms=100 HTTP/1.1\r\nHost: x\r\n\r\nGET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /later?ms=0 HTTP/1.1\r\nHost: x\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: x\r\n\r\n"
		"GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	expect(fd, 200, "later\n");
	expect(fd, 200, "GET /1||a=(null)|b c=(null)|0|");
	expect(fd, 200, "later\n");
	check(take_reply(fd, true).status == 200, "HEAD");
	expect(fd, 200, "GET /3||a=(null)|b c=(null)|0|");
	expect_end(fd, 1000);
}

static void test_pipelining(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_pipelining);
}

static void client_http10(void)
{
	int fd = dial();

	say(fd, "GET /x HTTP/1.0\r\n\r\n");
	expect(fd, 200, "GET /x||a=(null)|b c=(null)|0|");
	expect_end(fd, 1000);
	fd = dial();
	say(fd, "GET /later?ms=50 HTTP/1.0\r\n\r\n");
	expect(fd, 200, "later\n");
	expect_end(fd, 1000);
	fd = dial();
	say(fd, "GET /x HTTP/1.1\r\n\r\n"); /* no Host */
	expect_header(fd, "/", "HTTP/1.1 400 ", true);
	close(fd);
}

static void test_http10(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_http10);
}

static void post(int fd, size_t size, const char *more)
{
	_cleanup_free_ char *body = malloc(size);
	char head[256];

	snprintf(head, sizeof(head), "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n%s\r\n",
		 size, more);
	say(fd, head);
	memset(body, 'y', size);
	send_all(fd, body, size);
}

static void client_bodies(void)
{
	struct reply r;
	int fd = dial();

	post(fd, 2, "");
	expect(fd, 200, "POST /x||a=(null)|b c=(null)|2|yy");
	post(fd, 100000, "");
	r = take_reply(fd, false);
	check(r.status == 200 && strstr(r.body.data, "|100000|yyy"), "%d", r.status);
	buf_deinit(&r.body);
	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
	expect(fd, 200, "POST /x||a=(null)|b c=(null)|5|abcde");
	say(fd, "GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
	expect(fd, 200, "GET /x||a=(null)|b c=(null)|0|");
	post(fd, 100001, "");
	expect(fd, 413, "the body is too large\n");
	post(fd, 3000000, "");
	expect(fd, 413, "the body is too large\n");
	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: "
		"100001\r\n\r\n");
	expect(fd, 413, "the body is too large\n");
	close(fd);
	fd = dial();
	say(fd, "POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n");
	check(take_reply(fd, true).status == 100, "no 100 Continue");
	say(fd, "z");
	expect(fd, 200, "POST /x||a=(null)|b c=(null)|1|z");
	close(fd);
}

static void test_bodies(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.max_body = 100000}, client_bodies);
}

static void client_escapes(void)
{
	static const char *const paths[] = {"/%", "/%zz", "/a%0", "/%00", "/x/%0g/"};
	static const char *const queries[] = {"?%",	"?a=%zz", "?a=1&b=%0",
					      "?a=%00", "?%00=1", "?a=%%41"};
	int fd = dial();

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		request(fd, "GET %s", paths[i]);
		expect(fd, 400, "the path has a broken % escape\n");
	}
	for (size_t i = 0; i < ARRAY_SIZE(queries); i++) {
		request(fd, "GET /x%s", queries[i]);
		expect(fd, 400, "the query has a broken % escape\n");
	}
	request(fd, "GET /x?a=%%e4%%2B+%%41");
	expect(fd, 200, "GET /x|a=%e4%2B+%41|a=\xe4+ A|b c=(null)|0|");
	close(fd);
}

static void test_escapes(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_escapes);
}

static char *repeat(const char *text, size_t size)
{
	char *s = malloc(size + 1);

	for (size_t i = 0; i < size; i++)
		s[i] = text[i % strlen(text)];
	s[size] = '\0';
	return s;
}

static void client_lengths(void)
{
	static const size_t fine[] = {4096, REQUEST_TARGET_MAX - 64};

	for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
		_cleanup_free_ char *x = repeat("x", fine[i]), *target = NULL;

		check(asprintf(&target, "/big?%s&a=1", x) > 0, "memory");
		check(status_of(target) == 200, "a query of %zu", fine[i]);
	}
	for (int i = 0; i < 2; i++) {
		_cleanup_free_ char *x = repeat(i ? "/x?a=1&" : "/x?abcdefg", 65536);
		int status = status_of(x);

		check(status == 414 || status == 431, "64 KiB: %d", status);
	}
	check(status_of("/x") == 200, "after long queries");
}

static void test_lengths(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_lengths);
}

static void expect_bind(const char *addr, int err, const char *reason)
{
	struct http_server *other;
	char why[128];

	assert_int_equal(http_server_create(loop, &(struct http_config){.listen.addr = addr},
					    handle, NULL, why, sizeof(why), &other),
			 err);
	if (!strstr(why, reason))
		fail_msg("%s is refused because \"%s\"", addr, why);
}

static void test_bind_errors(void **state)
{
	unsigned int before = count_fds();
	char addr[32];

	(void)state;
	start(&(struct http_config){0});
	snprintf(addr, sizeof(addr), "127.0.0.1:%u", port);
	expect_bind(addr, -EADDRINUSE, "in use");
	expect_bind("10.255.255.254:0", -EADDRNOTAVAIL, "assign");
	expect_bind("8.8.8.8:80", -EINVAL, "public");
	expect_bind("[fe80::1%nosuchif]:80", -EINVAL, "no such interface");
	expect_bind("unix:/nosuchdir/socket", -ENOENT, "No such file");
	stop();
	assert_int_equal(count_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_basic),	   cmocka_unit_test(test_head),
		cmocka_unit_test(test_headers),	   cmocka_unit_test(test_methods),
		cmocka_unit_test(test_pipelining), cmocka_unit_test(test_http10),
		cmocka_unit_test(test_bodies),	   cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_lengths),	   cmocka_unit_test(test_bind_errors),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
