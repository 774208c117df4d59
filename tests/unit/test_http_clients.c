// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/server.c: clients that hang up, dribble, crowd in, or are not there. */
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

enum hangup { CLOSE, RESET, HALF_CLOSE, PIPELINED, HANGUPS };

static void hang_up(int fd, enum hangup how)
{
	static const struct linger reset = {.l_onoff = 1};

	if (how == PIPELINED)
		request(fd, "GET /x");
	if (how == RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (how == HALF_CLOSE)
		shutdown(fd, SHUT_WR);
	else
		close(fd);
}

static void client_hangs_up(void)
{
	for (enum hangup how = CLOSE; how < HANGUPS; how++) {
		int fd = dial();
		uint64_t at;

		request(fd, "GET /never");
		wait_for(&shared->kept, how + 1);
		check(!readable(fd, 100), "an answer to /never");
		check(shared->gone == how, "gone before the client went");
		at = loop_now();
		hang_up(fd, how);
		wait_for(&shared->gone, how + 1);
		check(shared->gone_at - at < 100 * NSEC_PER_MSEC, "%d: noticed after %llu ms", how,
		      (unsigned long long)(shared->gone_at - at) / NSEC_PER_MSEC);
		if (how == HALF_CLOSE)
			expect_end(fd, 1000);
	}
	check(status_of("/x") == 200, "afterwards");
}

static void test_hangup(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_hangs_up);
	assert_int_equal(shared->gone, HANGUPS);
}

/* A request and its end, which the server gets to see together. */
static void test_half_close(void **state)
{
	int served, dropped;

	(void)state;
	start(&(struct http_config){0});
	served = dial();
	request(served, "GET /x");
	shutdown(served, SHUT_WR);
	dropped = dial();
	request(dropped, "GET /never");
	shutdown(dropped, SHUT_WR);
	run_for(2000);
	assert_int_equal(shared->kept, 1);
	assert_int_equal(shared->gone, 1);
	expect(served, 200, "GET /x||a=(null)|b c=(null)|0|");
	expect_end(served, 0); /* though it might have had another request */
	expect_end(dropped, 0);
	stop();
}

static void hundred(unsigned int round)
{
	int fds[100], fd;

	for (int i = 0; i < 100; i++) {
		fds[i] = dial();
		request(fds[i], "GET /never?%d", i);
	}
	wait_for(&shared->kept, 100 * round + 100);
	for (int i = 0; i < 100; i += 2)
		hang_up(fds[i], (enum hangup)(i / 2 % HANGUPS));
	wait_for(&shared->gone, 50 * round + 50);
	fd = dial();
	request(fd, "GET /release");
	expect(fd, 200, "done\n");
	close(fd);
	for (int i = 1; i < 100; i += 2)
		expect(fds[i], 200, "released\n");
	for (int i = 0; i < 100; i++)
		if (i % 2 || i / 2 % HANGUPS == HALF_CLOSE)
			close(fds[i]);
}

static void client_hundred(void)
{
	unsigned long sleeps;
	unsigned int before = server_numbers(&sleeps), after = 0;

	for (unsigned int round = 0; round < 3; round++) {
		hundred(round);
		for (int i = 0; i < 50 && (after = server_numbers(&sleeps)) != before; i++)
			usleep(10000);
		check(after == before, "round %u: %u descriptors, not %u", round, after, before);
	}
}

static void test_hundred(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_hundred);
	assert_int_equal(shared->kept, 300);
	assert_int_equal(shared->gone, 150);
}

/* Sockets come and go under the same numbers, and none gets the other's end. */
static void client_reconnects(void)
{
	int stays = dial();

	request(stays, "GET /never");
	wait_for(&shared->kept, 1);
	for (unsigned int i = 0; i < 200; i++) {
		int fd = dial();

		request(fd, "GET /never");
		wait_for(&shared->kept, 2 + i);
		hang_up(fd, i % 2 ? CLOSE : RESET);
	}
	wait_for(&shared->gone, 200);
	check(!readable(stays, 0), "the first one got something");
	check(status_of("/release") == 200, "release");
	expect(stays, 200, "released\n");
}

static void test_reuse(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_reconnects);
}

static void client_slow(void)
{
	int silent = dial(), nothing = dial(), dribbles = dial(), waits = dial();
	unsigned long from = now_ms();

	say(silent, "GET /x HTTP/1.1\r\nHo");
	say(dribbles, "GET /x HTTP/1.1\r\nX: ");
	request(waits, "GET /later?ms=3500");
	while (now_ms() - from < 3400 && !readable(dribbles, 200))
		say(dribbles, "x");
	check(now_ms() - from > 900, "dropped after %lu ms", now_ms() - from);
	expect_end(dribbles, 0);
	expect_end(silent, 1100);
	expect_end(nothing, 1100);
	check(now_ms() - from < 3400, "dropped after %lu ms", now_ms() - from);
	expect(waits, 200, "later\n"); /* though it took longer than a client may be silent */
	request(waits, "GET /x");
	expect(waits, 200, "GET /x||a=(null)|b c=(null)|0|");
	expect_end(waits, 3000);
}

static void test_slow(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.idle_seconds = 1}, client_slow);
}

static void client_reads_slowly(void)
{
	int stuck = dial(), slow = dial();
	size_t got = 0, size = 64 << 10;
	_cleanup_free_ char *piece = malloc(size);
	ssize_t n;

	request(stuck, "GET /big");
	request(slow, "GET /big");
	while (got < BIG && (n = recv(slow, piece, size, 0)) > 0) {
		got += (size_t)n;
		usleep(10000);
	}
	check(got >= BIG, "%zu", got);
	sleep(3);
	for (got = 0; (n = recv(stuck, piece, size, 0)) > 0;)
		got += (size_t)n;
	check(got < BIG, "one who does not read keeps the connection");
}

static void test_slow_reader(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.idle_seconds = 1}, client_reads_slowly);
}

/* The server has yet to see who left. */
static void expect_admitted(void)
{
	int status = 0;

	for (int i = 0; i < 100 && (status = status_of("/x")) != 200; i++)
		usleep(10000);
	check(status == 200, "status %d with a connection free", status);
}

/* Those whose requests are being worked on stay, and one more is told so. */
static void client_busy(void)
{
	const unsigned int before = shared->later;
	int fds[3];

	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		request(fds[i], i < 2 ? "GET /later?ms=700" : "GET /x");
		/* One that is not worked on yet would have to make room. */
		if (i < 2)
			wait_for(&shared->later, before + (unsigned int)i + 1);
	}
	expect(fds[2], 503, "too many connections\n");
	expect(fds[0], 200, "later\n");
	expect(fds[1], 200, "later\n");
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	expect_admitted();
}

/* Those that ask nothing make room. */
static void client_crowd(void)
{
	int fds[200];

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		say(fds[i], "GET /x HTTP/1.1\r\nHo");
	}
	check(status_of("/x") == 200, "kept out by those that ask nothing");
	expect_end(fds[0], 1000);
	for (size_t i = 1; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	expect_admitted();
}

static void test_busy(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.max_connections = 2}, client_busy);
}

static void test_crowd(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.max_connections = 2}, client_crowd);
}

static void client_leaves_requests(void)
{
	for (int i = 0; i < 10; i++) {
		int fd = dial();

		request(fd, i % 2 ? "GET /never" : "GET /orphan");
		if (i == 8) /* without a callback, and the client is gone */
			hang_up(fd, CLOSE);
	}
	wait_for(&shared->kept, 10);
}

/* The sockets of a child that has ended are closed: all were hung up, or are when the server goes.
 */
static void test_destroy(void **state)
{
	unsigned int before = count_fds();

	(void)state;
	start(&(struct http_config){0});
	serve(client_leaves_requests);
	stop();
	assert_int_equal(shared->gone, 5);
	assert_int_equal(count_fds(), before);
	memset(kept, 0, sizeof(kept));
}

static void test_destroy_open(void **state)
{
	unsigned int before = count_fds();
	int fds[6];

	(void)state;
	start(&(struct http_config){0});
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		fds[i] = dial();
		request(fds[i], i % 3 == 0 ? "GET /never" : i % 3 == 1 ? "GET /orphan" : "GET /x");
	}
	run_for(100);
	assert_int_equal(shared->kept, 4);
	assert_int_equal(shared->gone, 0);
	stop();
	assert_int_equal(shared->gone, 2);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
		close(fds[i]);
	assert_int_equal(count_fds(), before);
	memset(kept, 0, sizeof(kept));
}

static void client_orphans(void)
{
	int fd = dial();

	request(fd, "GET /orphan");
	wait_for(&shared->kept, 1);
	close(fd);
	usleep(50000);
	check(status_of("/release") == 200, "release");
}

static void test_orphan(void **state)
{
	(void)state;
	serve_with(&(struct http_config){0}, client_orphans);
}

static void check_asleep(void)
{
	unsigned long before, after;

	usleep(100000);
	server_numbers(&before);
	usleep(1500000);
	server_numbers(&after);
	/* To see the first one's end, to accept the second one, to read its request. */
	check(after - before <= 4, "the server woke up %lu times", after - before);
}

/* With nobody there nothing wakes up, before and after all sorts of clients. */
static void client_idle(void)
{
	int fd;

	check_asleep();
	client_crowd();
	client_hangs_up();
	fd = dial();
	request(fd, "GET /later?ms=10");
	expect(fd, 200, "later\n");
	hang_up(fd, RESET);
	sleep(2); /* those of the crowd that were cut off */
	check_asleep();
}

static void test_idle(void **state)
{
	(void)state;
	serve_with(&(struct http_config){.idle_seconds = 1, .max_connections = 2}, client_idle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hangup),	     cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_hundred),	     cmocka_unit_test(test_reuse),
		cmocka_unit_test(test_slow),	     cmocka_unit_test(test_slow_reader),
		cmocka_unit_test(test_crowd),	     cmocka_unit_test(test_destroy),
		cmocka_unit_test(test_destroy_open), cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_idle),	     cmocka_unit_test(test_busy),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
