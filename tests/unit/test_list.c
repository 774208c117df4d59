// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/box/list.c: processes as /proc has them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/box/list.h"

/* 100 ticks a second, as everywhere; 10 s after the start, 2.5 s of CPU time. */
static const char tail[] = " S 1 812 812 0 -1 4194560 1 2 3 4 200 50 5 6 20 0 7 0 1000 999 256 1 2";

static void test_stat(void **state)
{
	struct box_process p = {0};
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "812 (nginx)%s", tail);
	assert_int_equal(box_stat_parse(text, 20, &p), 0);
	assert_string_equal(p.comm, "nginx");
	assert_int_equal(p.state, 'S');
	assert_int_equal(p.threads, 7);
	assert_int_equal(p.rss_kb, 256 * (sysconf(_SC_PAGESIZE) / 1024));
	assert_int_equal(p.cpu_permille, 250);
	assert_false(p.kernel);
}

static void test_odd_names(void **state)
{
	struct box_process p = {0};
	char text[256];

	(void)state;
	snprintf(text, sizeof(text), "812 (a) R 1 (b c)%s", tail);
	assert_int_equal(box_stat_parse(text, 20, &p), 0);
	assert_string_equal(p.comm, "a) R 1 (b c");
	assert_int_equal(p.threads, 7);
	snprintf(text, sizeof(text), "812 ()%s", tail);
	assert_int_equal(box_stat_parse(text, 20, &p), 0);
	assert_string_equal(p.comm, "");
	/* started this very moment */
	assert_int_equal(box_stat_parse(text, 10, &p), 0);
	assert_int_equal(p.cpu_permille, 0);
}

static void test_damaged(void **state)
{
	static const char *const texts[] = {"", "812", "812 (x", ")x(", "812 (x) S 1 2 3"};
	struct box_process p = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
		assert_int_equal(box_stat_parse(texts[i], 20, &p), -EINVAL);
}

static void test_self(void **state)
{
	_cleanup_buf_ struct buf list = {0};
	const struct box_process *p;
	bool found = false;

	(void)state;
	assert_int_equal(box_list(&list), 0);
	p = (const void *)list.data;
	for (size_t i = 0; i < list.len / sizeof(*p); i++)
		found |= p[i].pid == getpid() && p[i].rss_kb > 0 && p[i].threads >= 1;
	assert_true(found);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stat),
		cmocka_unit_test(test_odd_names),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
