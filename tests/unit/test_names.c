// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image/names: what goes into a block comes out, and a damaged block is refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/names.h"

static void make_block(struct buf *out)
{
	struct names_builder b = {0};

	names_begin(&b);
	names_add(&b, "inner", "a.c", 10, 8);
	names_add(&b, "outer", "b.c", 20, 18);
	names_begin(&b);
	names_begin(&b);
	names_add(&b, "outer", "", 0, 0);
	names_set_flags(&b, NAMES_INVENTED);
	assert_int_equal(names_finish(&b, out), 0);
	assert_int_equal(b.naddrs, 0);
}

static void test_round_trip(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct name_line l;
	struct names n;

	(void)state;
	make_block(&block);
	assert_int_equal(names_map(block.data, block.len, &n), 0);
	assert_int_equal(n.naddrs, 3);
	assert_int_equal(n.flags, NAMES_INVENTED | NAMES_HAVE_LINES | NAMES_HAVE_INLINES);
	assert_int_equal(names_count(&n, 0), 2);
	assert_int_equal(names_count(&n, 1), 0);
	assert_int_equal(names_count(&n, 2), 1);
	assert_int_equal(names_count(&n, 3), 0);
	l = names_get(&n, 0, 0);
	assert_string_equal(l.name, "inner");
	assert_string_equal(l.file, "a.c");
	assert_int_equal(l.line, 10);
	assert_int_equal(l.start_line, 8);
	l = names_get(&n, 0, 1);
	assert_string_equal(l.name, "outer");
	l = names_get(&n, 2, 0);
	assert_string_equal(l.name, "outer");
	assert_string_equal(l.file, "");
	l = names_get(&n, 2, 1);
	assert_string_equal(l.name, "");
}

static void test_empty(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct names_builder b = {0};
	struct names n;

	(void)state;
	assert_int_equal(names_finish(&b, &block), 0);
	assert_int_equal(names_map(block.data, block.len, &n), 0);
	assert_int_equal(n.naddrs, 0);
	assert_int_equal(names_count(&n, 0), 0);
}

static void escaped(const char *name, const char *want)
{
	_cleanup_buf_ struct buf block = {0};
	struct names_builder b = {0};
	struct names n;

	names_begin(&b);
	names_add(&b, name, NULL, 0, 0);
	assert_int_equal(names_finish(&b, &block), 0);
	assert_int_equal(names_map(block.data, block.len, &n), 0);
	assert_string_equal(names_get(&n, 0, 0).name, want);
}

static void test_escape(void **state)
{
	(void)state;
	escaped("operator<<", "operator<<");
	escaped("a\nb\x7f\x1b", "a\\x0ab\\x7f\\x1b");
	escaped("main.\xc2\xb5s \xe4\xb8\x96 \xf0\x9f\x98\x80",
		"main.\xc2\xb5s \xe4\xb8\x96 \xf0\x9f\x98\x80");
	/* Too short, overlong, surrogate, beyond Unicode, cut off. */
	escaped("\xc3(", "\\xc3(");
	escaped("\xc0\x80", "\\xc0\\x80");
	escaped("\xe0\x80\x80", "\\xe0\\x80\\x80");
	escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
	escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80");
	escaped("x\xe4\xb8", "x\\xe4\\xb8");
	escaped(NULL, "");
}

static void test_long_name(void **state)
{
	_cleanup_free_ char *name = malloc(100001);
	_cleanup_buf_ struct buf block = {0};
	struct names_builder b = {0};
	struct names n;

	(void)state;
	memset(name, '\n', 100000);
	name[100000] = '\0';
	names_begin(&b);
	names_add(&b, name, name, 0, 0);
	assert_int_equal(names_finish(&b, &block), 0);
	assert_int_equal(names_map(block.data, block.len, &n), 0);
	assert_in_range(strlen(names_get(&n, 0, 0).name), 1000, 20000);
}

static void test_add_before_begin(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct names_builder b = {0};
	struct names n;

	(void)state;
	names_add(&b, "x", "", 0, 0);
	assert_int_equal(names_finish(&b, &block), 0);
	assert_int_equal(names_map(block.data, block.len, &n), 0);
	assert_int_equal(n.nlines, 0);
}

/* Reads all that a block says, so that the sanitizers see it. */
static size_t read_all(const struct names *n)
{
	size_t sum = 0;

	for (uint32_t i = 0; i < n->naddrs; i++)
		for (uint32_t k = 0; k < names_count(n, i); k++)
			sum += strlen(names_get(n, i, k).name) + strlen(names_get(n, i, k).file);
	return sum;
}

static void test_cut_blocks(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct names n;

	(void)state;
	make_block(&block);
	for (size_t len = 0; len < block.len; len++) {
		_cleanup_free_ void *cut = malloc(len ? len : 1);

		memcpy(cut, block.data, len);
		assert_int_equal(names_map(cut, len, &n), -EBADMSG);
	}
	buf_append(&block, "", 1);
	assert_int_equal(names_map(block.data, block.len, &n), -EBADMSG);
}

static void test_damaged_blocks(void **state)
{
	static const unsigned char values[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
	_cleanup_buf_ struct buf block = {0};
	size_t refused = 0;
	struct names n;

	(void)state;
	make_block(&block);
	for (size_t at = 0; at < block.len; at++) {
		for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
			_cleanup_free_ char *copy = malloc(block.len);

			memcpy(copy, block.data, block.len);
			copy[at] = (char)values[v];
			if (names_map(copy, block.len, &n) == 0)
				read_all(&n);
			else
				refused++;
		}
	}
	assert_true(refused > 100);
}

static void test_misaligned(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	_cleanup_free_ char *copy = NULL;
	struct names n;

	(void)state;
	make_block(&block);
	copy = malloc(block.len + 1);
	memcpy(copy + 1, block.data, block.len);
	assert_int_equal(names_map(copy + 1, block.len, &n), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),	 cmocka_unit_test(test_empty),
		cmocka_unit_test(test_escape),		 cmocka_unit_test(test_long_name),
		cmocka_unit_test(test_add_before_begin), cmocka_unit_test(test_cut_blocks),
		cmocka_unit_test(test_damaged_blocks),	 cmocka_unit_test(test_misaligned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
