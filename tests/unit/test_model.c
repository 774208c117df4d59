// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/profile/model.c: what is stored once, what adds up, what is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/profile/model.h"

static struct profile p;

static int setup(void **state)
{
	(void)state;
	assert_int_equal(profile_init(&p, 0), 0);
	p.nvalues = 2;
	p.sample_types[0] = (struct profile_value_type){"samples", "count"};
	p.sample_types[1] = (struct profile_value_type){"cpu", "nanoseconds"};
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	profile_deinit(&p);
	return 0;
}

static const struct profile_mapping libc = {
	.start = 0x7000, .limit = 0x9000, .file = (char[]){"/lib/libc"}};

static uint32_t frame(uint64_t addr)
{
	int64_t i = profile_location(&p, PROFILE_NO_MAPPING, addr);

	assert_true(i >= 0);
	return (uint32_t)i;
}

static struct profile_label text_label(const char *key, const char *value)
{
	return (struct profile_label){.key = (uint32_t)profile_string(&p, key),
				      .str = (uint32_t)profile_string(&p, value)};
}

static int64_t value(uint32_t sample, unsigned int i)
{
	return ((int64_t *)(void *)p.values.data)[sample * p.nvalues + i];
}

static void test_strings(void **state)
{
	(void)state;
	assert_int_equal(profile_string(&p, ""), 0);
	assert_int_equal(profile_string(&p, NULL), 0);
	assert_int_equal(profile_string(&p, "x"), profile_string(&p, "x"));
	assert_int_not_equal(profile_string(&p, "x"), profile_string(&p, "y"));
}

static void test_mappings(void **state)
{
	char file[] = "/bin/a";
	struct profile_mapping m = {.start = 1, .limit = 2, .file = file};

	(void)state;
	assert_int_equal(profile_mapping_add(&p, &m), 0);
	assert_int_equal(profile_mapping_add(&p, &libc), 1);
	assert_int_equal(profile_nmappings(&p), 2);
	file[0] = '?';
	assert_string_equal(profile_mapping(&p, 0)->file, "/bin/a");
	assert_string_equal(profile_mapping(&p, 0)->build_id, "");
	profile_mapping(&p, 1)->has_functions = true;
	assert_true(profile_mapping(&p, 1)->has_functions);
}

static void test_locations(void **state)
{
	int64_t in, out, synthetic;

	(void)state;
	assert_int_equal(profile_location(&p, 0, 0x7000), -EINVAL);
	profile_mapping_add(&p, &libc);
	in = profile_location(&p, 0, 0x7000);
	assert_int_equal(profile_location(&p, 0, 0x7000), in);
	assert_int_equal(profile_location_get(&p, (uint32_t)in).mapping, 0);
	assert_int_equal(profile_location_get(&p, (uint32_t)in).addr, 0x7000);
	out = profile_location(&p, 0, 0x9000);
	assert_int_equal(profile_location_get(&p, (uint32_t)out).mapping, PROFILE_NO_MAPPING);
	assert_int_equal(out, profile_location(&p, PROFILE_NO_MAPPING, 0x9000));
	synthetic = profile_synthetic(&p, "[lost samples]");
	assert_int_equal(profile_synthetic(&p, "[lost samples]"), synthetic);
	assert_int_not_equal(profile_synthetic(&p, "[truncated]"), synthetic);
	assert_int_equal(profile_location_get(&p, (uint32_t)synthetic).mapping, PROFILE_NO_MAPPING);
}

static void test_samples_add_up(void **state)
{
	uint32_t stack[] = {frame(1), frame(2), frame(3)};
	const int64_t one[] = {1, 10};

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(profile_add(&p, stack, 3, NULL, 0, one), 0);
	assert_int_equal(profile_add(&p, stack, 2, NULL, 0, one), 0);
	assert_int_equal(p.samples.n, 2);
	assert_int_equal(value(0, 0), 5);
	assert_int_equal(value(0, 1), 50);
	assert_int_equal(value(1, 0), 1);
}

static void test_label_order_does_not_matter(void **state)
{
	uint32_t stack[] = {frame(1)};
	const int64_t one[] = {1, 1};
	struct profile_label a = text_label("thread", "main"), c = text_label("ctx", "task");
	struct profile_label num = {.key = (uint32_t)profile_string(&p, "pid"), .num = 812};
	struct profile_label other = num;

	(void)state;
	other.num = 813;
	profile_add(&p, stack, 1, (struct profile_label[]){a, c, num}, 3, one);
	profile_add(&p, stack, 1, (struct profile_label[]){num, c, a}, 3, one);
	a.num = 77; /* does not count beside text */
	profile_add(&p, stack, 1, (struct profile_label[]){c, a, num}, 3, one);
	assert_int_equal(p.samples.n, 1);
	assert_int_equal(value(0, 0), 3);
	profile_add(&p, stack, 1, (struct profile_label[]){c, a, other}, 3, one);
	profile_add(&p, stack, 1, (struct profile_label[]){c, a}, 2, one);
	assert_int_equal(p.samples.n, 3);
}

static void test_bad_samples(void **state)
{
	uint32_t stack[PROFILE_STACK_MAX + 1] = {frame(1)};
	uint32_t none[] = {99};
	const int64_t one[] = {1, 1};
	struct profile_label l = text_label("a", "b"), bad;
	struct profile_label many[PROFILE_LABELS_MAX + 1] = {l};

	(void)state;
	assert_int_equal(profile_add(&p, stack, 0, NULL, 0, one), -EINVAL);
	assert_int_equal(profile_add(&p, stack, PROFILE_STACK_MAX + 1, NULL, 0, one), -EINVAL);
	assert_int_equal(profile_add(&p, none, 1, NULL, 0, one), -EINVAL);
	assert_int_equal(profile_add(&p, stack, 1, many, PROFILE_LABELS_MAX + 1, one), -EINVAL);
	assert_int_equal(profile_add(&p, stack, 1, (struct profile_label[]){l, l}, 2, one),
			 -EINVAL);
	bad = l;
	bad.key = 0;
	assert_int_equal(profile_add(&p, stack, 1, &bad, 1, one), -EINVAL);
	bad = l;
	bad.str = p.strings.n;
	assert_int_equal(profile_add(&p, stack, 1, &bad, 1, one), -EINVAL);
	assert_int_equal(p.samples.n, 0);
	assert_int_equal(profile_add(&p, stack, PROFILE_STACK_MAX, &l, 1, one), 0);
	p.nvalues = 0;
	assert_int_equal(profile_add(&p, stack, 1, NULL, 0, one), -EINVAL);
	p.nvalues = PROFILE_VALUES_MAX + 1;
	assert_int_equal(profile_add(&p, stack, 1, NULL, 0, one), -EINVAL);
}

static void test_values_saturate(void **state)
{
	uint32_t stack[] = {frame(1)};

	(void)state;
	for (int i = 0; i < 3; i++)
		profile_add(&p, stack, 1, NULL, 0,
			    (int64_t[]){INT64_MAX / 2 + 1, INT64_MIN / 2 - 1});
	assert_true(value(0, 0) == INT64_MAX);
	assert_true(value(0, 1) == INT64_MIN);
	profile_add(&p, stack, 1, NULL, 0, (int64_t[]){-1, 1});
	assert_true(value(0, 0) == INT64_MAX - 1);
}

static const struct profile_line *lines(uint32_t location, uint32_t *n)
{
	const struct profile_location_lines *at = (void *)p.location_lines.data;

	*n = at[location].n;
	return (const struct profile_line *)(void *)p.lines.data + at[location].first;
}

static void test_names(void **state)
{
	uint32_t a = frame(1), b = frame(2), n;
	struct profile_line two[] = {{.name = (uint32_t)profile_string(&p, "inlined"), .line = 7},
				     {.name = (uint32_t)profile_string(&p, "outer")}};
	struct profile_line bad = {.name = p.strings.n}, nameless[] = {{.line = 3}, two[1]};
	size_t bytes;

	(void)state;
	assert_int_equal(profile_name(&p, b, &two[1], 1), 0);
	lines(a, &n);
	assert_int_equal(n, 0);
	assert_int_equal(profile_name(&p, b, two, 2), 0);
	assert_int_equal(lines(b, &n)[0].line, 7);
	assert_int_equal(n, 2);
	bytes = p.lines.len;
	assert_int_equal(profile_name(&p, b, nameless, 2), 0);
	assert_int_equal(lines(b, &n)[0].name, two[1].name);
	assert_int_equal(n, 1);
	assert_int_equal(p.lines.len, bytes);
	assert_int_equal(profile_name(&p, a, two, 2), 0);
	assert_int_equal(lines(a, &n)[1].name, two[1].name);
	assert_int_equal(lines(b, &n)[0].name, two[1].name);
	assert_int_equal(profile_name(&p, a, NULL, 0), 0);
	lines(a, &n);
	assert_int_equal(n, 0);
	assert_int_equal(profile_name(&p, a, &bad, 1), -EINVAL);
	assert_int_equal(profile_name(&p, p.locations.n, two, 1), -EINVAL);
}

static void test_too_many_lines(void **state)
{
	static struct profile_line many[PROFILE_LINES_MAX * 2];
	uint32_t a = frame(1), n;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(many); i++)
		many[i] = (struct profile_line){.name = (uint32_t)profile_string(&p, "f"),
						.line = (int64_t)i};
	assert_int_equal(profile_name(&p, a, many, ARRAY_SIZE(many)), 0);
	assert_int_equal(lines(a, &n)[PROFILE_LINES_MAX - 1].line, ARRAY_SIZE(many) - 1);
	assert_int_equal(lines(a, &n)[PROFILE_LINES_MAX - 2].line, PROFILE_LINES_MAX - 2);
	assert_int_equal(n, PROFILE_LINES_MAX);
}

static void test_comments(void **state)
{
	size_t len;

	(void)state;
	assert_int_equal(profile_comment(&p, "%d lost", 3), 0);
	assert_int_equal(profile_comment(&p, "%d lost", 4), 0);
	assert_int_equal(profile_comment(&p, "%d lost", 3), 0);
	assert_int_equal(p.comments.n, 2);
	assert_memory_equal(intern_key(&p.comments, 1, &len), "4 lost", 6);
	assert_int_equal(len, 6);
}

static void test_samples_by_number(void **state)
{
	const struct profile_label labels[] = {text_label("b", "x"), text_label("a", "y")};
	const uint32_t stack[] = {frame(1), frame(2)};
	const int64_t values[] = {1, 10};
	int64_t a = profile_sample(&p, stack, 2, labels, 2);
	size_t n;

	(void)state;
	assert_int_equal(a, 0);
	assert_int_equal(profile_sample(&p, stack, 1, labels, 2), 1);
	assert_int_equal(profile_sample(&p, stack, 2, labels, 2), a);
	assert_int_equal(profile_values(&p, 0)[1], 0);
	profile_count(&p, 0, values);
	profile_count(&p, 0, values);
	assert_int_equal(profile_values(&p, 0)[0], 2);
	assert_int_equal(profile_values(&p, 0)[1], 20);
	assert_int_equal(profile_stack(&p, 1, &n)[0], stack[0]);
	assert_int_equal(n, 1);
	assert_int_equal(profile_labels(&p, 0, &n)[0].str, labels[0].str);
	assert_int_equal(n, 2);
	assert_int_equal(profile_sample(&p, stack, 0, NULL, 0), -EINVAL);
}

/* Fills a profile until it refuses; the limit must never be passed, and what is there must still
 * count. */
static void fill(size_t max)
{
	const int64_t one[] = {1, 1};
	uint32_t i;
	int err = 0;

	p.max_bytes = max;
	for (i = 0; i < 1000000; i++) {
		int64_t a = profile_location(&p, PROFILE_NO_MAPPING, i);
		uint32_t stack[64];

		assert_true(profile_bytes(&p) <= max);
		if (a < 0) {
			err = (int)a;
			break;
		}
		for (unsigned int j = 0; j < 64; j++)
			stack[j] = j * 7 < (uint32_t)a ? (uint32_t)a - j * 7 : (uint32_t)a;
		err = profile_add(&p, stack, 64, NULL, 0, one);
		assert_true(profile_bytes(&p) <= max);
		if (err)
			break;
	}
	assert_int_equal(err, -EFBIG);
	assert_true(i > 0 && profile_bytes(&p) >= max / 8);
}

static void test_limit(void **state)
{
	const int64_t one[] = {1, 1};
	struct profile_line line;
	uint32_t stack[64] = {0}, samples;
	int64_t v;

	(void)state;
	fill(256 * 1024);
	samples = p.samples.n;
	v = value(0, 0);
	assert_int_equal(profile_add(&p, stack, 64, NULL, 0, one), 0); /* the first one again */
	assert_int_equal(p.samples.n, samples);
	assert_int_equal(value(0, 0), v + 1);
	line = (struct profile_line){.name = (uint32_t)profile_string(&p, "late name")};
	for (uint32_t i = 0; i < p.locations.n; i++)
		assert_int_equal(profile_name(&p, i, &line, 1), 0);
	assert_true(profile_synthetic(&p, "[profile full]") >= 0);
	assert_int_equal(profile_comment(&p, "full"), 0);
	assert_int_equal(p.values.len, p.samples.n * 2 * sizeof(int64_t));
}

static void test_limit_sizes(void **state)
{
	(void)state;
	for (size_t max = 6000; max < 3000000; max += max / 3) {
		profile_deinit(&p);
		setup(NULL);
		fill(max);
	}
}

/* A long stack of one sample would pass the limit alone. */
static void test_limit_is_for_all_parts(void **state)
{
	uint32_t stack[PROFILE_STACK_MAX] = {frame(1)};
	const int64_t one[] = {1, 1};

	(void)state;
	p.max_bytes = profile_bytes(&p) + 1000;
	assert_int_equal(profile_add(&p, stack, PROFILE_STACK_MAX, NULL, 0, one), -EFBIG);
	assert_int_equal(p.samples.n, 0);
	p.max_bytes = 0;
	assert_int_equal(profile_add(&p, stack, PROFILE_STACK_MAX, NULL, 0, one), 0);
}

static void test_bytes(void **state)
{
	size_t before = profile_bytes(&p), with;
	struct profile_mapping m = {.start = 1, .limit = 2, .file = (char[]){"/bin/true"}};

	(void)state;
	profile_mapping_add(&p, &m);
	with = profile_bytes(&p);
	assert_int_equal(with - before, p.mappings.cap + sizeof("/bin/true") + 1);
	free(profile_mapping(&p, 0)->build_id);
	profile_mapping(&p, 0)->build_id = strdup("0123456789");
	assert_int_equal(profile_bytes(&p) - with, 10);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_strings),
		T(test_mappings),
		T(test_locations),
		T(test_samples_add_up),
		T(test_label_order_does_not_matter),
		T(test_bad_samples),
		T(test_values_saturate),
		T(test_names),
		T(test_too_many_lines),
		T(test_comments),
		T(test_samples_by_number),
		T(test_limit),
		T(test_limit_sizes),
		T(test_limit_is_for_all_parts),
		T(test_bytes),
	};

	return cmocka_run_group_tests_name("model", tests, NULL, NULL);
}
