// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/engine/members.c: who belongs to a target, as forks are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/engine/members.h"

enum { STRANGER = 1, CHILD = 999999 };

static struct members m;

static int setup(void **state)
{
	(void)state;
	return members_find(&m, &(struct target){.kind = TARGET_PID, .pid = getpid()});
}

static int teardown(void **state)
{
	(void)state;
	members_deinit(&m);
	return 0;
}

static void test_children(void **state)
{
	(void)state;
	assert_true(members_has(&m, getpid()));
	members_fork(&m, getpid(), CHILD, m.found + 1);
	assert_true(members_has(&m, CHILD));
	/* Its number is somebody else's by now. */
	members_fork(&m, STRANGER, CHILD, m.found + 2);
	assert_false(members_has(&m, CHILD));
	members_fork(&m, STRANGER, CHILD, m.found + 3);
	assert_false(members_has(&m, CHILD));
}

/* The target's own fork may be told after the target was found. */
static void test_late_records(void **state)
{
	(void)state;
	members_fork(&m, STRANGER, getpid(), m.found - 1);
	assert_true(members_has(&m, getpid()));
	members_fork(&m, getpid(), CHILD, m.found - 1);
	assert_true(members_has(&m, CHILD));
	members_fork(&m, STRANGER, getpid(), m.found + 1);
	assert_false(members_has(&m, getpid()));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_children, setup, teardown),
		cmocka_unit_test_setup_teardown(test_late_records, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
