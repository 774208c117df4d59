// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/heap/pace.c and duty.c: how long probes are out, and what is known of that time. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/heap/cost.h"
#include "../../agent/heap/duty.h"

#define ON_NS (150 * NSEC_PER_MSEC)

static void test_off(void **state)
{
	(void)state;
	assert_int_equal(heap_duty_off_ns(ON_NS, 0), 400 * NSEC_PER_MSEC);
	assert_int_equal(heap_duty_off_ns(ON_NS, HEAP_COST_DUTY), 400 * NSEC_PER_MSEC);
	/* The mean over both is what it may cost. */
	for (double cost = 0.3; cost < 1.6; cost *= 1.3) {
		double off = (double)heap_duty_off_ns(ON_NS, cost);

		assert_true(fabs(cost * (double)ON_NS / (off + (double)ON_NS) - HEAP_COST_DUTY) <
			    1e-6);
	}
	/* A hundred CPUs full of probes: it goes on looking all the same. */
	assert_int_equal(heap_duty_off_ns(ON_NS, 100), 5 * NSEC_PER_SEC);
}

/*
 * A program: nanoseconds of its own for each allocation, frees per allocation, and what probes cost
 * it.
 */
struct program {
	double work;
	double frees;
	double alloc_probe;
	double free_probe;
};

static struct heap_seen part(const struct program *g, enum heap_part which, double ns,
			     double *allocs)
{
	bool a = which == HEAP_PART_ALL || which == HEAP_PART_ALLOCS;
	bool f = which == HEAP_PART_ALL || which == HEAP_PART_FREES;
	double n = ns / (g->work + a * g->alloc_probe + f * g->frees * g->free_probe);

	*allocs += n;
	return (struct heap_seen){.cpu_ns = ns, .allocs = a * n, .frees = f * n * g->frees};
}

/*
 * What is told of what is allocated, in the end. @change is how much its work differs from one part
 * to the next.
 */
static double told(const struct program *g, double hit_ns, int rounds, double change)
{
	struct heap_pace p;
	double done = 0, sum = 0;

	heap_pace_init(&p, hit_ns);
	for (int i = 0; i < rounds; i++) {
		heap_pace_begin(&p);
		for (enum heap_part w = HEAP_PART_ALL; w < HEAP_PARTS; w++) {
			struct program now = *g;
			struct heap_seen seen;

			now.work *= 1 + change * ((i * 4 + (int)w) % 5 - 2) / 2;
			seen = part(&now, w, w == HEAP_PART_NONE ? 2.5e9 : 5e7, &done);
			sum += seen.allocs * p.scale;
			heap_pace_end(&p, w, &seen);
		}
	}
	/* Nothing has stood for the last time without probes yet. */
	return (sum + p.owed) / done;
}

static void test_truth(void **state)
{
	const struct program programs[] = {
		{.work = 150, .frees = 1, .alloc_probe = 500, .free_probe = 500},
		{.work = 150, .frees = 1, .alloc_probe = 900, .free_probe = 200},
		{.work = 30, .frees = 1, .alloc_probe = 600, .free_probe = 600},
		{.work = 2000, .frees = 0.3, .alloc_probe = 700, .free_probe = 500},
		{.work = 300, .frees = 4, .alloc_probe = 500, .free_probe = 2500},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(programs) / sizeof(*programs); i++) {
		/* It is known soon, and a wrong guess is overcome. */
		assert_true(fabs(told(&programs[i], programs[i].alloc_probe, 3, 0) - 1) < 0.01);
		assert_true(fabs(told(&programs[i], 0.7 * programs[i].alloc_probe, 3, 0) - 1) <
			    0.05);
		assert_true(fabs(told(&programs[i], programs[i].alloc_probe, 100, 0.3) - 1) < 0.1);
	}
}

/* Who never frees is known by the guess alone. */
static void test_no_frees(void **state)
{
	const struct program g = {.work = 400, .alloc_probe = 600};

	(void)state;
	assert_true(fabs(told(&g, 600, 10, 0) - 1) < 0.01);
}

static void test_cost(void **state)
{
	const struct program g = {.work = 150, .frees = 1, .alloc_probe = 500, .free_probe = 500};
	struct heap_pace p;
	double done = 0;

	(void)state;
	heap_pace_init(&p, 500);
	assert_true(heap_pace_work_ns(&p) == 0);
	assert_true(heap_pace_cost_ns(&p) == 0);
	for (enum heap_part w = HEAP_PART_ALL; w < HEAP_PART_NONE; w++) {
		struct heap_seen seen = part(&g, w, 5e7, &done);

		heap_pace_end(&p, w, &seen);
	}
	assert_true(fabs(heap_pace_work_ns(&p) - 150) < 0.1);
	assert_true(fabs(heap_pace_probe_ns(&p) - 500) < 0.1);
	assert_true(fabs(heap_pace_cost_ns(&p) - 5e7 * (1000. / 1150 + 2 * 500. / 650)) < 1e4);
}

static void test_idle(void **state)
{
	const struct heap_seen idle = {0}, busy = {.cpu_ns = 1e9};
	struct heap_pace p;

	(void)state;
	heap_pace_init(&p, 500);
	for (int i = 0; i < 10; i++) {
		heap_pace_begin(&p);
		for (enum heap_part w = HEAP_PART_ALL; w < HEAP_PARTS; w++)
			heap_pace_end(&p, w, w == HEAP_PART_NONE ? &busy : &idle);
		heap_pace_between(&p, &busy);
	}
	assert_true(p.scale == 1);
	assert_true(p.owed == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_off),	 cmocka_unit_test(test_truth),
		cmocka_unit_test(test_no_frees), cmocka_unit_test(test_cost),
		cmocka_unit_test(test_idle),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
