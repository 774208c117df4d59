// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/profile/collapsed.c, top.c, flame.c, demangle.c: a profile as text and as a picture. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/profile/collapsed.h"
#include "../../agent/profile/demangle.h"
#include "../../agent/profile/flame.h"
#include "../../agent/profile/top.h"
#include "../lib/example_profile.h"

static struct profile p;
static struct collapsed c;
static struct buf out;

static int setup(void **state)
{
	(void)state;
	example_init(&p);
	example_fill(&p, 0x550000);
	assert_int_equal(collapsed_init(&c, &p, 0), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	collapsed_deinit(&c);
	profile_deinit(&p);
	buf_deinit(&out);
	return 0;
}

static const char *text(void)
{
	buf_append(&out, "", 1);
	assert_int_equal(buf_error(&out), 0);
	return out.data;
}

static void demangles(const char *raw, const char *want)
{
	demangle(raw, strlen(raw), &out);
	assert_string_equal(text(), want);
	buf_deinit(&out);
}

static void test_demangle(void **state)
{
	char longest[DEMANGLE_MAX + 8] = "_Z";

	(void)state;
	demangles("_ZN3foo3barEi", "foo::bar(int)");
	demangles("_RNvC6_123foo3bar", "123foo::bar");
	demangles("main", "main");
	demangles("_Z-", "_Z-");
	demangles("", "");
	memset(longest + 2, 'x', sizeof(longest) - 3);
	demangles(longest, longest);
	/* Each reference doubles the name. */
	demangles("_Z1fI1AIS_S_ES0_IS1_S1_ES0_IS2_S2_ES0_IS3_S3_ES0_IS4_S4_ES0_IS5_S5_ES0_IS6_S6_"
		  "ES0_IS7_S7_ES0_IS8_S8_EEvT_",
		  "_Z1fI1AIS_S_ES0_IS1_S1_ES0_IS2_S2_ES0_IS3_S3_ES0_IS4_S4_ES0_IS5_S5_ES0_IS6_S6_"
		  "ES0_IS7_S7_ES0_IS8_S8_EEvT_");
}

static void test_folded(void **state)
{
	(void)state;
	assert_int_equal(c.total, 12);
	collapsed_folded(&c, &out);
	assert_string_equal(text(), "_start;foo::bar(int);foo::middle(int);foo::inner() 6\n"
				    "_start;plain_c;do_syscall_64 3\n"
				    "_start;plain_c 1\n"
				    "[truncated: no unwind rows];libnone.so+0x26123 2\n");
}

static void test_separators_in_names(void **state)
{
	struct collapsed odd;
	uint32_t frame;

	(void)state;
	frame = (uint32_t)profile_synthetic(&p, "a;b\nc");
	example_add(&p, &frame, 1, 1, "x", 5);
	assert_int_equal(collapsed_init(&odd, &p, 0), 0);
	collapsed_folded(&odd, &out);
	assert_non_null(strstr(text(), "\na:b?c 5\n"));
	collapsed_deinit(&odd);
}

static void test_recursion_counts_once(void **state)
{
	struct collapsed deep;
	uint32_t frame[3];

	(void)state;
	frame[0] = frame[1] = frame[2] = (uint32_t)profile_synthetic(&p, "again");
	example_add(&p, frame, 3, 1, "x", 8);
	assert_int_equal(collapsed_init(&deep, &p, 1), 0);
	assert_int_equal(top_write(&deep, "nanoseconds", 1, &out), 0);
	assert_string_equal(text(), "      flat  flat%   sum%        cum   cum%\n"
				    "   80.00ms 40.00% 40.00%    80.00ms 40.00%  again\n"
				    "and 8 more functions\n");
	collapsed_deinit(&deep);
}

static void test_too_deep(void **state)
{
	uint32_t stack[PROFILE_STACK_MAX], i, depth;
	struct profile_line lines[8];
	struct collapsed deep;
	const uint32_t *names;
	size_t len;

	(void)state;
	for (i = 0; i < 8; i++)
		lines[i] = example_line(&p, i ? "inlined" : "leaf", "", 1);
	for (i = 0; i < PROFILE_STACK_MAX; i++) {
		stack[i] = example_frame(&p, PROFILE_NO_MAPPING, 0x1000 + i, NULL);
		assert_int_equal(profile_name(&p, stack[i], lines, 8), 0);
	}
	example_add(&p, stack, PROFILE_STACK_MAX, 1, "x", 1);
	assert_int_equal(collapsed_init(&deep, &p, 0), 0);
	names = collapsed_stack(&deep, deep.stacks.n - 1, &depth);
	assert_int_equal(depth, COLLAPSED_DEPTH_MAX);
	assert_memory_equal(intern_key(&deep.names, names[0], &len), "[too deep]", 10);
	assert_memory_equal(intern_key(&deep.names, names[depth - 1], &len), "leaf", 4);
	collapsed_deinit(&deep);
}

static void value_is(int64_t value, const char *unit, const char *want)
{
	value_text(&out, value, unit);
	assert_string_equal(text(), want);
	buf_deinit(&out);
}

static void test_values(void **state)
{
	(void)state;
	value_is(0, "nanoseconds", "0");
	value_is(999, "nanoseconds", "999ns");
	value_is(1250000000, "nanoseconds", "1.25s");
	value_is(-2500000, "nanoseconds", "-2.50ms");
	value_is(5400000000000, "nanoseconds", "1.50hrs");
	value_is(512, "bytes", "512B");
	value_is(1536, "bytes", "1.50kB");
	value_is(17, "count", "17");
	value_is(INT64_MIN, "count", "-9223372036854775808");
}

/* Nothing of a name may end the script, the section or the string that it is in. */
static void test_flame_escapes(void **state)
{
	struct collapsed odd;
	uint32_t frame;

	(void)state;
	frame = (uint32_t)profile_synthetic(&p, "]]></script><b>\"\\'&\x01\xff");
	example_add(&p, &frame, 1, 1, "x", 5);
	assert_int_equal(collapsed_init(&odd, &p, 0), 0);
	assert_int_equal(flame_write(&odd, "a\"</svg>", "count", &out), 0);
	text();
	assert_null(strstr(out.data, "</script><b>"));
	assert_non_null(strstr(out.data, "\"a\\u0022\\u003c/svg\\u003e\""));
	assert_non_null(strstr(out.data,
			       "]]\\u003e\\u003c/script\\u003e\\u003cb\\u003e\\u0022\\u005c"
			       "\\u0027\\u0026\\u0001\\u00ff"));
	assert_string_equal(out.data + out.len - 1 - strlen("]]></script>\n</svg>\n"),
			    "]]></script>\n</svg>\n");
	collapsed_deinit(&odd);
}

static void test_empty(void **state)
{
	struct profile none;
	struct collapsed empty;

	(void)state;
	example_init(&none);
	assert_int_equal(collapsed_init(&empty, &none, 0), 0);
	collapsed_folded(&empty, &out);
	assert_int_equal(out.len, 0);
	assert_int_equal(top_write(&empty, "count", 10, &out), 0);
	assert_int_equal(flame_write(&empty, "none", "count", &out), 0);
	collapsed_deinit(&empty);
	profile_deinit(&none);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_demangle, setup, teardown),
		cmocka_unit_test_setup_teardown(test_folded, setup, teardown),
		cmocka_unit_test_setup_teardown(test_separators_in_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_recursion_counts_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_too_deep, setup, teardown),
		cmocka_unit_test_setup_teardown(test_values, setup, teardown),
		cmocka_unit_test_setup_teardown(test_flame_escapes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_empty, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
