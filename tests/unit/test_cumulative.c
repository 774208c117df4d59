// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * agent/profile/armed.c, cumulative.c, cumulative_request.c and text.c: what is armed and until
 * when, what requests are answered with. A kind whose events the test makes, over the real server.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/engine/engine.h"
#include "../../agent/http/server.h"
#include "../../agent/profile/cumulative.h"
#include "../../agent/profile/text.h"
#include "../lib/pprof_decode.h"

static struct loop *loop;
static struct engine *engine;
static struct http_server *server;
static struct armed_list armed;
static struct target target;

/* ---- a kind of profile */

static struct cumulative *source;
static unsigned int starts, stops, flushes;
static double open_ns;
static bool late; /* a flush ends by itself only when it is told to */

static int start(struct cumulative *c)
{
	source = c;
	starts++;
	return 0;
}

static uint32_t sample_of(struct cumulative *c, const char *frame, bool open)
{
	const struct profile_label label = cumulative_label(c, "open", open ? "yes" : NULL);

	return cumulative_synthetic(c, frame, &label, 1);
}

static int flush(struct cumulative *c)
{
	flushes++;
	if (open_ns > 0)
		cumulative_open(c, sample_of(c, "[wait]", true), sample_of(c, "[wait]", false),
				(const double[]){1, open_ns}, (const double[]){0, open_ns});
	if (!late)
		cumulative_flushed(c);
	return 0;
}

static void stop_source(struct cumulative *c)
{
	if (c == source)
		source = NULL;
	stops++;
}

static const struct cumulative_kind kind = {
	.armed = {.id = KPPROF_KIND_BLOCK,
		  .name = "test",
		  .rate_unit = "ns",
		  .rate_max = 1000000,
		  .rate_default = 100,
		  CUMULATIVE_ARMED},
	.size = sizeof(struct cumulative),
	.types = {{"contentions", "count"}, {"delay", "nanoseconds"}},
	.nvalues = 2,
	.period_type = {"contentions", "count"},
	.period = 1,
	.start = start,
	.flush = flush,
	.stop = stop_source,
};

static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	(void)c;
	text_contention(p, "contention", out);
}

static const struct cumulative_view view = {.kind = &kind, .name = "test", .text = text};

static void count(const char *frame, double n, double ns)
{
	cumulative_count(source, sample_of(source, frame, false), (const double[]){n, ns});
}

/* ---- server and clients */

static void handle(struct http_request *req, void *ctx)
{
	(void)ctx;
	cumulative_serve(&armed, req, &target, &view);
}

static int setup(void **state)
{
	const struct http_config cfg = {.listen.addr = "127.0.0.1:0"};
	char why[128];

	(void)state;
	starts = stops = flushes = 0;
	open_ns = 0;
	late = false;
	target = (struct target){.kind = TARGET_BOX};
	assert_int_equal(loop_create(&loop), 0);
	assert_int_equal(engine_create(loop, &engine), 0);
	armed = (struct armed_list){.engine = engine};
	assert_int_equal(http_server_create(loop, &cfg, handle, NULL, why, sizeof(why), &server),
			 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	http_server_destroy(server);
	armed_stop(&armed, 0, NULL);
	assert_null(source);
	assert_int_equal(starts, stops);
	engine_destroy(engine);
	loop_destroy(loop);
	return 0;
}

static void stop_loop(struct loop_timer *t)
{
	(void)t;
	loop_stop(loop);
}

static void run(unsigned int ms)
{
	struct loop_timer t = {.cb = stop_loop};

	loop_timer_set(loop, &t, ms * NSEC_PER_MSEC);
	assert_int_equal(loop_run(loop), 0);
}

static int ask(const char *query)
{
	struct sockaddr_in to = {.sin_family = AF_INET,
				 .sin_port = htons((uint16_t)http_server_port(server)),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	dprintf(fd, "GET /?%s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", query);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static char answer[1 << 16];
static size_t answer_len;
static const char *body;

/* Whether the answer is there, whole; then it is in body. */
static bool answered(int fd)
{
	ssize_t n;

	answer_len = 0;
	n = recv(fd, answer, 1, MSG_PEEK);
	if (n < 0)
		return false;
	for (int i = 0; i < 200; i++) {
		while ((n = read(fd, answer + answer_len, sizeof(answer) - 1 - answer_len)) > 0)
			answer_len += (size_t)n;
		if (n == 0)
			break;
		run(10);
	}
	assert_int_equal(n, 0);
	answer[answer_len] = '\0';
	body = strstr(answer, "\r\n\r\n");
	assert_non_null(body);
	body += 4;
	close(fd);
	return true;
}

/* Runs until there is an answer; false after @ms. */
static bool await(int fd, unsigned int ms)
{
	uint64_t end = loop_now() + ms * NSEC_PER_MSEC;

	while (loop_now() < end) {
		if (answered(fd))
			return true;
		run(5);
	}
	return answered(fd);
}

static void expect_text(const char *what)
{
	if (!strstr(body, what))
		fail_msg("no '%s' in:\n%s", what, answer);
}

/* The values of the sample whose first frame is @frame, by its number of labels; {0, 0}: none. */
static void expect_sample(const char *frame, size_t nlabels, int64_t n, int64_t ns)
{
	struct pd_profile d = {0};
	int64_t have[2] = {0, 0};
	const char *bad = pd_decode(body, answer_len - (size_t)(body - answer), &d);

	if (bad)
		fail_msg("%s in the answer %s", bad, answer);
	for (size_t i = 0; i < d.nsamples; i++) {
		if (strcmp(pd_frame(&d, i, 0, 0), frame) != 0 || d.samples[i].nlabels != nlabels)
			continue;
		have[0] += (int64_t)d.samples[i].values[0];
		have[1] += (int64_t)d.samples[i].values[1];
	}
	pd_free(&d);
	assert_int_equal(have[0], n);
	assert_int_equal(have[1], ns);
}

static struct armed_spec spec(void)
{
	return (struct armed_spec){
		.kind = &kind.armed, .target = target, .rate = 100, .any_kernel = true};
}

/* ---- tests */

static void test_total(void **state)
{
	int fd;

	(void)state;
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	assert_int_equal(starts, 1);
	expect_sample("[a]", 0, 0, 0);
	count("[a]", 1.5, 10);
	count("[a]", 1.75, 20.25);
	count("[b]", 1, 500);
	fd = ask("debug=1");
	assert_true(await(fd, 5000));
	/* Fractions add up before they are rounded. */
	expect_text("--- contention:\ncycles/second=1000000000\n500 1 @ 0x");
	expect_text("\n30 3 @ 0x");
	expect_text("\t[b]\n");
	expect_text("# armed since 20");
	expect_text("by a request\n");
	expect_text("# rate: 100 ns\n");
	fd = ask("");
	assert_true(await(fd, 5000));
	expect_sample("[a]", 0, 3, 30);
	expect_sample("[b]", 0, 1, 500);
	assert_non_null(strstr(answer, "filename=\"test\""));
	assert_int_equal(starts, 1);
}

static void test_window(void **state)
{
	uint64_t began = loop_now();
	int first, second;

	(void)state;
	first = ask("window=1");
	run(300);
	assert_false(answered(first));
	count("[a]", 1, 10);
	/* Another one waits for the same window, whatever it says itself. */
	second = ask("window=600");
	run(200);
	assert_false(answered(second));
	assert_true(await(first, 10000));
	assert_true(loop_now() - began >= NSEC_PER_SEC);
	expect_sample("[a]", 0, 1, 10);
	assert_true(await(second, 10000));
	expect_sample("[a]", 0, 1, 10);
	assert_int_equal(starts, 1);
}

static void test_difference(void **state)
{
	int fd, other, third;

	(void)state;
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	count("[a]", 5, 50);
	open_ns = 1000;
	fd = ask("seconds=1&seconds=99");
	other = ask("seconds=1");
	third = ask("seconds=1");
	run(200);
	close(third);
	count("[a]", 2, 20);
	open_ns = 1400;
	assert_true(await(fd, 10000));
	expect_sample("[a]", 0, 2, 20);
	expect_sample("[wait]", 1, 1, 400);
	assert_non_null(strstr(answer, "filename=\"test-delta\""));
	assert_true(await(other, 10000));
	expect_sample("[a]", 0, 2, 20);
	fd = ask("");
	assert_true(await(fd, 5000));
	expect_sample("[a]", 0, 7, 70);
	expect_sample("[wait]", 1, 1, 1400);
	/* It is over: what was open counts once. */
	open_ns = 0;
	count("[wait]", 1, 1500);
	fd = ask("");
	assert_true(await(fd, 5000));
	expect_sample("[wait]", 0, 1, 1500);
	expect_sample("[wait]", 1, 0, 0);
}

static void test_first_is_difference(void **state)
{
	uint64_t began = loop_now();
	int fd;

	(void)state;
	fd = ask("seconds=1");
	run(200);
	count("[a]", 1, 10);
	assert_true(await(fd, 10000));
	assert_true(loop_now() - began < 4 * NSEC_PER_SEC); /* no window before it */
	expect_sample("[a]", 0, 1, 10);
}

/* Requests that come while a flush runs need another one: things may have happened since. */
static void test_late_flush(void **state)
{
	int first, second;

	(void)state;
	late = true;
	first = ask("window=0");
	run(100);
	assert_false(answered(first));
	assert_int_equal(flushes, 1);
	second = ask("window=0");
	run(100);
	assert_int_equal(flushes, 1);
	count("[a]", 1, 10);
	cumulative_flushed(source);
	assert_true(await(first, 5000));
	expect_sample("[a]", 0, 1, 10);
	assert_int_equal(flushes, 2);
	assert_false(answered(second));
	count("[a]", 1, 10);
	cumulative_flushed(source);
	assert_true(await(second, 5000));
	expect_sample("[a]", 0, 2, 20);
}

static void test_lease(void **state)
{
	const struct armed_spec s = spec();
	struct armed *a;
	int fd;

	(void)state;
	fd = ask("window=0&lease=1");
	assert_true(await(fd, 5000));
	a = armed_find(&armed, &s);
	assert_non_null(a);
	/* Renewed by the next one; a shorter one does not shorten it. */
	fd = ask("lease=3");
	assert_true(await(fd, 5000));
	fd = ask("lease=1");
	assert_true(await(fd, 5000));
	run(1500);
	assert_ptr_equal(armed_find(&armed, &s), a);
	assert_int_equal(stops, 0);
	run(2500);
	assert_null(armed_find(&armed, &s));
	assert_int_equal(stops, 1);
	/* It lasts longer than the request that asked for it. */
	fd = ask("window=0&lease=1&seconds=2");
	assert_true(await(fd, 10000));
	assert_null(strstr(body, "disarmed"));
	assert_int_equal(stops, 1);
	run(2500);
	assert_int_equal(stops, 2);
	/* By hand, without one: a request's does not give it one. */
	assert_int_equal(armed_start(&armed, &s, KPPROF_ARMED_BY_CONTROL, LEASE_NONE, &a), 0);
	fd = ask("lease=1");
	assert_true(await(fd, 5000));
	assert_int_equal(armed_lease(a), -1);
	assert_int_equal(a->by, KPPROF_ARMED_BY_CONTROL);
	assert_int_equal(starts, 3);
}

static void test_options(void **state)
{
	struct armed_spec s = spec();
	int fd;

	(void)state;
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	fd = ask("window=0&rate=2us");
	assert_true(await(fd, 5000));
	assert_int_equal(starts, 2);
	s.rate = 2000;
	assert_non_null(armed_find(&armed, &s));
	s.rate = 3000;
	assert_null(armed_find(&armed, &s));
	/* What was said nothing about suits, and what is usual suits best. */
	s.rate = 100;
	s.any_rate = true;
	assert_int_equal(armed_find(&armed, &s)->spec.rate, 100);
	s.rate = 7;
	assert_non_null(armed_find(&armed, &s));
	s.any_rate = false;
	s.rate = 2000;
	armed_end(armed_find(&armed, &s));
}

static void test_refusals(void **state)
{
	static const struct {
		const char *query;
		const char *says;
	} wrong[] = {
		{"seconds=0", "invalid value for \"seconds\" - must be a positive integer"},
		{"seconds=x", "invalid value for \"seconds\" - must be a positive integer"},
		{"seconds=1&debug=1", "seconds and debug params are incompatible"},
		{"rate=1h", "invalid value for \"rate\""},
		{"rate=-1", "invalid value for \"rate\""},
		{"lease=0", "invalid value for \"lease\""},
		{"window=no", "invalid value for \"window\""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		int fd = ask(wrong[i].query);

		assert_true(await(fd, 5000));
		assert_memory_equal(answer, "HTTP/1.1 400 ", 13);
		expect_text(wrong[i].says);
	}
	assert_int_equal(starts, 0);
}

static void test_disarm(void **state)
{
	int total, difference;

	(void)state;
	total = ask("window=60&debug=1");
	difference = ask("seconds=60");
	run(200);
	count("[a]", 1, 10);
	assert_int_equal(armed_stop(&armed, 1u << KPPROF_KIND_MUTEX, NULL), 0);
	assert_int_equal(armed_stop(&armed, 1u << KPPROF_KIND_BLOCK, &target), 1);
	assert_int_equal(stops, 1);
	assert_true(await(total, 5000));
	expect_text("10 1 @");
	expect_text("# disarmed before the answer was due");
	assert_true(await(difference, 5000));
	expect_sample("[a]", 0, 1, 10);
}

static void test_exit(void **state)
{
	int fd, waits;
	pid_t pid = fork();

	(void)state;
	if (!pid)
		for (;;)
			pause();
	target = (struct target){.kind = TARGET_PID, .pid = pid};
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	waits = ask("seconds=60");
	run(100);
	count("[a]", 1, 10);
	kill(pid, SIGKILL);
	cumulative_check_exit(source);
	assert_true(await(waits, 5000));
	expect_sample("[a]", 0, 1, 10);
	assert_int_equal(stops, 1);
	fd = ask("debug=1");
	assert_true(await(fd, 5000));
	expect_text("10 1 @");
	expect_text("# the target has exited");
	assert_int_equal(starts, 1);
	assert_true(armed.first->exited);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* More stacks than there is room for: what there is still counts, the rest is counted together. */
static void test_full(void **state)
{
	uint32_t first, n = 0;
	char name[300];
	int fd;

	(void)state;
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	source->profile.max_bytes = 200 << 10;
	memset(name, 'x', 200);
	name[200] = '\0';
	first = sample_of(source, "[a]", false);
	for (; n < 5000 && sample_of(source, name, false) != source->full; n++)
		snprintf(name + 200, 100, "%u", n);
	assert_in_range(n, 100, 4999);
	cumulative_count(source, first, (const double[]){1, 10});
	for (int i = 0; i < 3; i++) {
		snprintf(name + 200, 100, "more %d", i);
		count(name, 1, 100);
	}
	fd = ask("");
	assert_true(await(fd, 5000));
	expect_sample("[a]", 0, 1, 10);
	expect_sample("[profile full]", 0, 3, 300);
	/* Labels are not stored without end either. */
	n = source->profile.strings.n;
	for (int i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "label %d", i);
		assert_int_equal(cumulative_label(source, "thread", name).key, 0);
	}
	assert_int_equal(source->profile.strings.n, n);
}

static void test_move(void **state)
{
	const int64_t one[] = {1, 0};
	uint32_t alive, gone;
	uint64_t then;
	int fd;

	(void)state;
	fd = ask("window=0");
	assert_true(await(fd, 5000));
	alive = sample_of(source, "[alive]", false);
	gone = sample_of(source, "[gone]", false);
	cumulative_count(source, alive, (const double[]){3, 0});
	then = loop_now();
	fd = ask("seconds=1");
	run(200);
	/* An old one goes, and a new one comes and goes. */
	cumulative_move(source, alive, gone, one, then);
	cumulative_count(source, alive, (const double[]){1, 0});
	cumulative_move(source, alive, gone, one, loop_now());
	assert_true(await(fd, 10000));
	expect_sample("[alive]", 0, 0, 0);
	expect_sample("[gone]", 0, 1, 0);
	fd = ask("");
	assert_true(await(fd, 5000));
	expect_sample("[alive]", 0, 2, 0);
	expect_sample("[gone]", 0, 2, 0);
}

static void test_kinds(void **state)
{
	(void)state;
	assert_int_equal(armed_kinds_parse("cpu"), 1u << KPPROF_KIND_CPU);
	assert_int_equal(armed_kinds_parse(""), 0);
	assert_int_equal(armed_kinds_parse("cpu,"), 0);
	assert_int_equal(armed_kinds_parse("cpu,nonsense"), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_total),
		T(test_window),
		T(test_difference),
		T(test_first_is_difference),
		T(test_late_flush),
		T(test_lease),
		T(test_options),
		T(test_refusals),
		T(test_disarm),
		T(test_exit),
		T(test_full),
		T(test_move),
		cmocka_unit_test(test_kinds),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("cumulative", tests, NULL, NULL);
}
