// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/heap/blocks.c and the distances of filter.c: sampling that no mix of sizes biases. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/heap/blocks.h"
#include "../../agent/heap/filter.h"

static uint64_t gaps[HEAP_GAPS];

static uint32_t number(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static void test_gaps(void **state)
{
	double sum = 0, squares = 0, mean;

	(void)state;
	heap_gaps_fill(gaps, 524288);
	for (int i = 0; i < HEAP_GAPS; i++) {
		sum += (double)gaps[i];
		squares += (double)gaps[i] * (double)gaps[i];
	}
	mean = sum / HEAP_GAPS;
	assert_true(fabs(mean - 524288) < 1);
	/* The deviation of an exponential distribution is its mean. */
	assert_true(fabs(sqrt(squares / HEAP_GAPS - mean * mean) / mean - 1) < 0.01);
	heap_gaps_fill(gaps, 1);
	for (int i = 0; i < HEAP_GAPS; i++)
		assert_true(gaps[i] >= 1);
}

/* Sites of one size each, mixed as programs mix them; every one must come out right by itself. */
static void test_unbiased(void **state)
{
	static const uint64_t sizes[] = {8, 64, 1000, 8192, 60000, 400000, 4000000};
	enum { SITES = sizeof(sizes) / sizeof(sizes[0]), CALLS = 6000000 };
	const uint64_t rate = 8192;
	double seen[SITES] = {0}, made[SITES] = {0}, samples[SITES] = {0};
	int64_t left;

	(void)state;
	heap_gaps_fill(gaps, rate);
	left = (int64_t)gaps[number() % HEAP_GAPS];
	for (long i = 0; i < CALLS; i++) {
		/* Large ones are rare. */
		unsigned int zeros = (unsigned int)__builtin_ctz(number() | 1u << 20) / 2;
		unsigned int site = zeros < SITES ? zeros : SITES - 1;

		made[site]++;
		left -= (int64_t)sizes[site];
		if (left > 0)
			continue;
		left = (int64_t)gaps[number() % HEAP_GAPS];
		samples[site]++;
		seen[site] += block_scale(sizes[site], rate);
	}
	for (int i = 0; i < SITES; i++) {
		double sigma = samples[i] > 0 ? 1 / sqrt(samples[i]) : 1;

		assert_true(samples[i] > 100);
		/* Five standard deviations: a bias of a few percent would show at most sites. */
		assert_true(fabs(seen[i] / made[i] - 1) < 5 * sigma);
	}
}

static void test_scale(void **state)
{
	(void)state;
	assert_true(fabs(block_scale(524288, 524288) - 1 / (1 - exp(-1))) < 1e-9);
	assert_true(fabs(block_scale(8, 524288) - 65536.5) < 1);
	assert_true(block_scale(1ull << 40, 524288) == 1);
	assert_true(block_scale(100, 1) == 1);
	assert_true(block_scale(0, 524288) == 1);
}

static void count_one(void *ctx, struct block *b)
{
	struct blocks *t = ctx;

	if (b->seq % 2)
		blocks_remove(t, b);
}

static void test_table(void **state)
{
	struct blocks t = {.max = 1000};

	(void)state;
	assert_null(blocks_find(&t, 1));
	for (uint64_t i = 1; i <= 1000; i++)
		assert_non_null(blocks_add(&t, i << 12 | i % 2));
	assert_null(blocks_add(&t, 5000));
	assert_int_equal(t.n, 1000);
	assert_int_equal(blocks_find(&t, 7 << 12 | 1)->seq, 7 << 12 | 1);
	assert_null(blocks_find(&t, 7 << 12));
	blocks_each(&t, count_one, &t);
	assert_int_equal(t.n, 500);
	assert_null(blocks_find(&t, 7 << 12 | 1));
	assert_non_null(blocks_find(&t, 8 << 12));
	blocks_deinit(&t);
	assert_int_equal(t.n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_unbiased),
		cmocka_unit_test(test_scale),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests_name("blocks", tests, NULL, NULL);
}
