// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/turns.c: handlers run one in a round of the loop, in the order in which they came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/http/request.h"
#include "../../agent/http/turns.h"

enum { REQUESTS = 4 };

static struct loop *loop;
static struct turns turns;
static struct http_request requests[REQUESTS];
static struct http_request *order[REQUESTS];
static unsigned int nrun, rounds;
static struct loop_timer every;

static void run(struct http_request *req)
{
	order[nrun++] = req;
}

/* One of each round; what is queued comes at the earliest in the next. */
static void round_begins(struct loop_timer *t)
{
	rounds++;
	assert_true(nrun <= rounds);
	if (rounds > 2 * REQUESTS)
		loop_stop(loop);
	else
		loop_timer_set(loop, t, 0);
}

static int set_up(void **state)
{
	(void)state;
	nrun = rounds = 0;
	assert_int_equal(loop_create(&loop), 0);
	turns_init(&turns, loop, run);
	every = (struct loop_timer){.cb = round_begins};
	loop_timer_set(loop, &every, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	turns_deinit(&turns);
	loop_destroy(loop);
	return 0;
}

static void test_order(void **state)
{
	(void)state;
	assert_true(turns_take(&turns));
	for (size_t i = 0; i < REQUESTS; i++) {
		assert_false(turns_take(&turns));
		turns_wait(&turns, &requests[i]);
	}
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(nrun, REQUESTS);
	for (size_t i = 0; i < REQUESTS; i++)
		assert_ptr_equal(order[i], &requests[i]);
	/* All had theirs: whoever comes now is not to wait. */
	assert_true(turns_take(&turns));
}

static void test_leave(void **state)
{
	(void)state;
	assert_true(turns_take(&turns));
	for (size_t i = 0; i < REQUESTS; i++)
		turns_wait(&turns, &requests[i]);
	turns_leave(&turns, &requests[0]);
	turns_leave(&turns, &requests[2]);
	turns_leave(&turns, &requests[2]);
	turns_leave(&turns, &requests[3]);
	assert_int_equal(loop_run(loop), 0);
	assert_int_equal(nrun, 1);
	assert_ptr_equal(order[0], &requests[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_leave, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
