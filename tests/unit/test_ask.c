// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/ask.c and stream.c: a request that asks others, and sends what comes as it comes. */
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

#include "../lib/http_play.h"

enum { ASKED = 4 };

/* Asks ASKED targets, and sends each answer when it is there. */
struct collector;

struct slot {
	struct collector *collector;
	struct http_request *asked;
	bool open;
};

struct collector {
	struct http_stream *stream;
	struct slot slots[ASKED];
	struct buf text;
	unsigned int left;
};

static unsigned int collectors, ends;

static void collected(void *ctx, unsigned int status, struct buf *body)
{
	struct slot *slot = ctx;
	struct collector *c = slot->collector;

	assert_int_equal(buf_error(body), 0);
	assert_true(slot->open);
	slot->open = false;
	buf_printf(&c->text, "%u %.*s", status, (int)body->len, body->data);
	c->left--;
	http_stream_wake(c->stream);
}

static int collector_more(void *ctx, struct buf *out)
{
	struct collector *c = ctx;

	buf_append(out, c->text.data, c->text.len);
	c->text.len = 0;
	return c->left ? -EAGAIN : 0;
}

static void collector_end(void *ctx)
{
	struct collector *c = ctx;

	for (size_t i = 0; i < ASKED; i++)
		if (c->slots[i].open)
			http_ask_cancel(c->slots[i].asked);
	buf_deinit(&c->text);
	free(c);
	ends++;
}

static void collect(struct http_request *req, const char *const *targets)
{
	struct http_server *s = http_server_of(req);
	struct collector *c = calloc(1, sizeof(*c));

	collectors++;
	c->left = ASKED;
	c->stream = http_reply_stream(req, 200, NULL, 0, collector_more, collector_end, c);
	if (!c->stream)
		return;
	for (size_t i = 0; i < ASKED; i++) {
		struct slot *slot = &c->slots[i];

		*slot = (struct slot){.collector = c, .open = true};
		assert_int_equal(http_ask(s, targets[i], collected, slot, &slot->asked), 0);
	}
}

static int bad_more(void *ctx, struct buf *out)
{
	(void)ctx;
	buf_puts(out, "a part");
	return -EIO;
}

static void bad_end(void *ctx)
{
	(void)ctx;
	ends++;
}

static bool handle_also(struct http_request *req)
{
	static const char *const quick[ASKED] = {"/e?a=1%202", "/later?ms=30", "/error",
						 "/later?ms=10"};
	static const char *const endless[ASKED] = {"/never", "/never", "/never", "/never"};
	static const char *const nested[ASKED] = {"/e?a=1", "/bad", "/e?a=2", "/e?a=3"};
	const char *path = http_path(req);

	if (strcmp(path, "/quick") == 0)
		collect(req, quick);
	else if (strcmp(path, "/endless") == 0)
		collect(req, endless);
	else if (strcmp(path, "/nested") == 0)
		collect(req, nested);
	else if (strcmp(path, "/bad") == 0)
		http_reply_stream(req, 200, NULL, 0, bad_more, bad_end, NULL);
	else
		return false;
	return true;
}

/* All until the connection ends; HTTP/1.0 has no chunks. */
static void fetch(const char *path, char *out, size_t size)
{
	int fd = dial();
	size_t n = 0;
	ssize_t got;
	char *body;

	say(fd, "GET ");
	say(fd, path);
	say(fd, " HTTP/1.0\r\n\r\n");
	while (n < size - 1 && (got = recv(fd, out + n, size - 1 - n, 0)) > 0)
		n += (size_t)got;
	out[n] = '\0';
	body = strstr(out, "\r\n\r\n");
	check(body, "no head in %s", out);
	memmove(out, body + 4, strlen(body + 4) + 1);
	close(fd);
}

static void client_quick(void)
{
	char text[4096];

	fetch("/quick", text, sizeof(text));
	check(strcmp(text, "200 GET /e|a=1%202|a=1 2|b c=(null)|0|404 no thing\n"
			   "200 later\n200 later\n") == 0,
	      "%s", text);
	/* And again over one connection, in chunks. */
	for (int i = 0, fd = dial(); i < 2; i++) {
		size_t n = 0;

		request(fd, "GET /quick");
		while (n < sizeof(text) - 1 && !strstr(text, "\r\n0\r\n\r\n")) {
			ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);

			check(got > 0, "an end after %s", text);
			n += (size_t)got;
			text[n] = '\0';
		}
		check(strstr(text, "404 no thing"), "%s", text);
		*text = '\0';
	}
}

static void test_quick(void **state)
{
	(void)state;
	collectors = ends = 0;
	serve_with(&(struct http_config){0}, client_quick);
	assert_int_equal(collectors, 3);
	assert_int_equal(ends, 3);
}

/* A client that goes lets go of all that was asked for it. */
static void client_hangs_up(void)
{
	int fd = dial();

	request(fd, "GET /endless");
	wait_for(&shared->kept, ASKED);
	check(shared->gone == 0, "%u gone already", shared->gone);
	close(fd);
	wait_for(&shared->gone, ASKED);
	check(status_of("/x") == 200, "no answer any more");
}

static void test_hang_up(void **state)
{
	(void)state;
	collectors = ends = 0;
	serve_with(&(struct http_config){0}, client_hangs_up);
	assert_int_equal(ends, 1);
}

/* The server goes while a stream waits. */
static void test_server_goes(void **state)
{
	unsigned int before = count_fds();
	int waiting[2];

	(void)state;
	collectors = ends = 0;
	start(&(struct http_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		waiting[i] = dial();
		request(waiting[i], "GET /endless");
	}
	for (int i = 0; i < 200 && shared->kept < 2 * ASKED; i++)
		run_for(20);
	assert_int_equal(shared->kept, 2 * ASKED);
	stop();
	assert_int_equal(shared->gone, 2 * ASKED);
	assert_int_equal(ends, 2);
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		close(waiting[i]);
	assert_int_equal(count_fds(), before);
}

/* A stream that fails is an error for who asks here, and a broken body for a client. */
static void client_nested(void)
{
	char text[4096];

	fetch("/nested", text, sizeof(text));
	check(strstr(text, "500 Input/output error\n"), "%s", text);
	check(strstr(text, "a=3"), "%s", text);
}

static void test_nested(void **state)
{
	(void)state;
	collectors = ends = 0;
	serve_with(&(struct http_config){0}, client_nested);
	assert_int_equal(ends, 2);
}

static void test_not_asked(void **state)
{
	struct http_request *asked = NULL;

	(void)state;
	start(&(struct http_config){0});
	assert_int_equal(http_ask(server, "/x?%zz", collected, NULL, &asked), -EINVAL);
	assert_null(asked);
	http_ask_cancel(NULL);
	http_stream_wake(NULL);
	stop();
}

static int setup_also(void **state)
{
	also = handle_also;
	return setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_quick),	    cmocka_unit_test(test_hang_up),
		cmocka_unit_test(test_server_goes), cmocka_unit_test(test_nested),
		cmocka_unit_test(test_not_asked),
	};

	return cmocka_run_group_tests(tests, setup_also, NULL);
}
