// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/profile/snapshot.c: what came between two moments. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/profile/snapshot.h"

static struct profile p;
static struct buf open_now;
static struct snapshot before, after;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(profile_init(&p, 0), 0);
	p.nvalues = 2;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	profile_deinit(&p);
	buf_deinit(&open_now);
	snapshot_deinit(&before);
	snapshot_deinit(&after);
	buf_deinit(&out);
	before = after = (struct snapshot){0};
	return 0;
}

static uint32_t sample(const char *name)
{
	uint32_t stack = (uint32_t)profile_synthetic(&p, name);

	return (uint32_t)profile_sample(&p, &stack, 1, NULL, 0);
}

static void count(uint32_t s, int64_t n, int64_t ns)
{
	profile_count(&p, s, (const int64_t[]){n, ns});
}

static void goes_on(uint32_t s, uint32_t over, int64_t ns)
{
	const struct snapshot_open o = {
		.sample = s, .over = over, .values = {1, ns}, .carried = {0, ns}};

	buf_append(&open_now, &o, sizeof(o));
}

static void take(struct snapshot *s)
{
	assert_int_equal(snapshot_take(s, &p, &open_now, 0), 0);
	open_now.len = 0;
}

static void expect(uint32_t s, int64_t n, int64_t ns)
{
	const int64_t *v = (const int64_t *)(const void *)out.data + (size_t)s * 2;

	assert_true((s + 1u) * 16 <= out.len);
	assert_int_equal(v[0], n);
	assert_int_equal(v[1], ns);
}

static void difference(unsigned int gauges)
{
	out.len = 0;
	assert_int_equal(snapshot_difference(&before, &after, gauges, &out), 0);
}

static void test_total(void **state)
{
	uint32_t a = sample("a"), b = sample("b");

	(void)state;
	count(a, 2, 20);
	goes_on(b, a, 7);
	goes_on(b, a, 8);
	take(&after);
	assert_int_equal(snapshot_total(&after, &out), 0);
	expect(a, 2, 20);
	expect(b, 2, 15);
}

static void test_nothing(void **state)
{
	(void)state;
	take(&before);
	take(&after);
	difference(0);
	assert_int_equal(out.len, 0);
}

static void test_difference(void **state)
{
	uint32_t a = sample("a"), b;

	(void)state;
	count(a, 2, 20);
	take(&before);
	count(a, 3, 30);
	b = sample("b");
	count(b, 1, 5);
	take(&after);
	difference(0);
	expect(a, 3, 30);
	expect(b, 1, 5);
}

/* 10 s before the first moment, 5 s between the two. */
static void test_goes_on(void **state)
{
	uint32_t open = sample("open"), over = sample("over");

	(void)state;
	goes_on(open, over, 10);
	take(&before);
	goes_on(open, over, 15);
	take(&after);
	difference(0);
	expect(open, 1, 5);
	expect(over, 0, 0);
}

/* It ended 2 s after the first moment, and another one began. */
static void test_over(void **state)
{
	uint32_t open = sample("open"), over = sample("over");

	(void)state;
	goes_on(open, over, 10);
	take(&before);
	count(over, 1, 12);
	take(&after);
	difference(0);
	expect(open, 0, 0);
	expect(over, 1, 2);

	snapshot_deinit(&after);
	goes_on(open, over, 3);
	take(&after);
	difference(0);
	/* Together 2 + 3; how they are divided is not known. */
	expect(open, 1, 0);
	expect(over, 1, 5);
}

/* Waits that were open came to less than was thought. */
static void test_never_negative(void **state)
{
	uint32_t a = sample("a"), b = sample("b");

	(void)state;
	count(a, 5, 50);
	goes_on(b, a, 100);
	take(&before);
	count(a, -2, -20);
	take(&after);
	difference(0);
	expect(a, 0, 0);
	expect(b, 0, 0);
	difference(1 << 0);
	expect(a, -2, 0);
}

static void test_move(void **state)
{
	const int64_t one[] = {1, 0};
	uint32_t alive = sample("alive"), exited;

	(void)state;
	count(alive, 5, 0);
	take(&before);
	/* One of the five exits, under a sample that did not exist; two come. */
	exited = sample("exited");
	count(alive, -1, 0);
	count(exited, 1, 0);
	snapshot_move(&before, alive, exited, one);
	count(alive, 2, 0);
	take(&after);
	difference(0);
	expect(alive, 2, 0);
	expect(exited, 0, 0);
	/* What is not there cannot be moved. */
	snapshot_move(&before, 77, alive, one);
	difference(0);
	expect(alive, 2, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(test_total), T(test_nothing),	       T(test_difference), T(test_goes_on),
		T(test_over),  T(test_never_negative), T(test_move),
	};

	return cmocka_run_group_tests_name("snapshot", tests, NULL, NULL);
}
