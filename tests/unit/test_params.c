// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/params.c: numbers, escapes. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/http/params.h"

static void test_int(void **state)
{
	static const struct {
		const char *text;
		int64_t n;
	} good[] = {
		{"0", 0},
		{"-0", 0},
		{"+7", 7},
		{"007", 7},
		{"30", 30},
		{"9223372036854775807", INT64_MAX},
		{"-1", -1},
		{"-9223372036854775808", INT64_MIN},
		{"00000000000000000000000000000000000000000000042", 42},
	};
	static const char *const bad[] = {"",	 "-",	"+",	"--1", "+-1",	" 1",	   "1 ",
					  "1.5", "30s", "0x10", "1e3", "1_000", "\xd9\xa3"};
	static const char *const large[] = {"9223372036854775808", "-9223372036854775809",
					    "99999999999999999999", "18446744073709551616",
					    "100000000000000000000000000000000000000"};
	int64_t n = 123;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(param_int(bad[i], &n), -EINVAL);
	for (size_t i = 0; i < ARRAY_SIZE(large); i++)
		assert_int_equal(param_int(large[i], &n), -ERANGE);
	assert_int_equal(param_int(NULL, &n), -EINVAL);
	assert_int_equal(n, 123);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(param_int(good[i].text, &n), 0);
		assert_true(n == good[i].n);
	}
}

static void expect_decoded(const char *text, bool plus, const char *want)
{
	char s[64];

	strcpy(s, text);
	assert_int_equal(percent_decode(s, plus), 0);
	assert_string_equal(s, want);
}

static void test_decode(void **state)
{
	static const char *const bad[] = {"%",	   "a%",   "%4",  "%4g", "%g4", "%%41", "%00",
					  "a%00b", "% 41", "%+1", "%-1", "%0",	"%41%"};
	char s[64];

	(void)state;
	expect_decoded("", true, "");
	expect_decoded("plain", false, "plain");
	expect_decoded("%41%62%2f%2F%25", false, "Ab//%");
	expect_decoded("a+b%2B", true, "a b+");
	expect_decoded("a+b%2B", false, "a+b+");
	expect_decoded("%ff%01%7f", false, "\xff\x01\x7f");
	expect_decoded("%2541", false, "%41"); /* once */
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		strcpy(s, bad[i]);
		assert_int_equal(percent_decode(s, false), -EINVAL);
		assert_true(strlen(s) <= strlen(bad[i]));
	}
}

static void test_encode(void **state)
{
	(void)state;
	for (unsigned int c = 1; c < 256; c++) {
		_cleanup_buf_ struct buf b = {0};
		const char s[] = {(char)c, 'x', '\0'};

		percent_encode(&b, s);
		assert_null(memchr(b.data, '/', b.len));
		buf_append(&b, "", 1);
		assert_int_equal(strspn(b.data, "%0123456789ABCDEFabcdefghijklmnopqrstuvwxyz"
						"GHIJKLMNOPQRSTUVWXYZ-._~"),
				 b.len - 1);
		assert_int_equal(percent_decode(b.data, false), 0);
		assert_string_equal(b.data, s);
	}
}

static void test_html(void **state)
{
	_cleanup_free_ char *s = html_escape("a<b>&\"c'\x01\x7f\n\xc3\xa9");
	_cleanup_free_ char *empty = html_escape("");

	(void)state;
	assert_string_equal(s, "a&lt;b&gt;&amp;&#34;c&#39;???\xc3\xa9");
	assert_string_equal(empty, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_decode),
		cmocka_unit_test(test_encode),
		cmocka_unit_test(test_html),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
