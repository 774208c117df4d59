// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/heap/duty.c: how long the governor takes probes out, and what they stand for then. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/heap/cost.h"
#include "../../agent/heap/duty.h"

#define ON_NS (100 * NSEC_PER_MSEC)

static void test_off(void **state)
{
	(void)state;
	assert_int_equal(heap_duty_off_ns(ON_NS, 0), 0);
	assert_int_equal(heap_duty_off_ns(ON_NS, HEAP_COST_DUTY), 0);
	/* The mean over both phases is what it may cost. */
	for (double cost = 0.3; cost < 2; cost *= 1.3) {
		double off = (double)heap_duty_off_ns(ON_NS, cost);

		assert_true(fabs(cost * (double)ON_NS / (off + (double)ON_NS) - HEAP_COST_DUTY) <
			    1e-6);
	}
	/* A hundred CPUs full of probes: it goes on looking all the same. */
	assert_int_equal(heap_duty_off_ns(ON_NS, 100), 5 * NSEC_PER_SEC);
}

/* What is counted, in the end, of a program that gets @share of its work done while it is probed.
 */
static double counted(double share, int phases)
{
	struct heap_duty d = {.scale = 1};
	double sum = 0, work = 0, ticks = 0;

	for (int i = 0; i < phases; i++) {
		/* The timer is late now and then, and ticks are whole. */
		uint64_t on = ON_NS + (uint64_t)(i % 3) * ON_NS / 4;
		double done = share * (double)on / NSEC_PER_SEC, whole;

		d.scale = heap_duty_scale(&d);
		sum += done * d.scale;
		ticks += 100 * done;
		whole = floor(ticks);
		ticks -= whole;
		d.on_ns += on;
		d.told_ns += (double)on * d.scale;
		d.user_on += whole;
		d.user += whole;
		d.off_ns += 1500 * NSEC_PER_MSEC;
		d.user += 150;
		work += done + 1.5;
	}
	assert_true(fabs(heap_duty_share(&d) - 0.077) < 0.01);
	/* Nothing has stood for the last phase yet. */
	return sum / (work - 1.5);
}

static void test_scale(void **state)
{
	(void)state;
	assert_true(fabs(counted(0.9, 100) - 1) < 0.02);
	assert_true(fabs(counted(0.15, 100) - 1) < 0.02);
	assert_true(fabs(counted(0.04, 100) - 1) < 0.05);
	/* Ten phases are little to know a program by, and none of them is told too much. */
	assert_in_range((int)(100 * counted(0.15, 10)), 80, 105);
	assert_in_range((int)(100 * counted(0.04, 10)), 60, 110);
}

static void test_idle(void **state)
{
	struct heap_duty d = {.scale = 1};

	(void)state;
	assert_true(heap_duty_scale(&d) == 1);
	d.on_ns = ON_NS;
	d.told_ns = (double)ON_NS;
	assert_true(heap_duty_scale(&d) == 1);
	/* Told too much: never less than what was seen. */
	d.told_ns = 10 * (double)ON_NS;
	assert_true(heap_duty_scale(&d) == 1);
	assert_true(heap_duty_share(&d) == 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
