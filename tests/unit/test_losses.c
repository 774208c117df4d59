// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/engine/losses.c: each lost record is known once, whoever tells of it first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/engine/losses.h"

static void test_once(void **state)
{
	struct losses l = {0};

	(void)state;
	assert_int_equal(losses_told(&l, 5), 5);
	assert_int_equal(losses_counted(&l, 5), 0);
	/* Seven more, of which nothing was told yet; then four are. */
	assert_int_equal(losses_counted(&l, 12), 7);
	assert_int_equal(losses_counted(&l, 12), 0);
	assert_int_equal(losses_told(&l, 4), 0);
	assert_int_equal(losses_counted(&l, 12), 0);
	/* The rest of them in one record with two that came behind. */
	assert_int_equal(losses_told(&l, 5), 2);
	assert_int_equal(losses_counted(&l, 14), 0);
	assert_int_equal(losses_counted(&l, 20), 6);
}

/* A kernel that does not count. */
static void test_uncounted(void **state)
{
	struct losses l = {0};

	(void)state;
	assert_int_equal(losses_told(&l, 3), 3);
	assert_int_equal(losses_counted(&l, 0), 0);
	assert_int_equal(losses_told(&l, 3), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_uncounted),
	};

	return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
