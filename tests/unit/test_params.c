// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/params.c: numbers, escapes, addresses. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
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

static void expect_addr(const char *text, int family, const char *host, unsigned int port)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *in = (const void *)&ss;
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	bool v4 = family == AF_INET;
	const char *why = NULL;
	char got[INET6_ADDRSTRLEN];
	socklen_t len;

	assert_int_equal(http_addr_parse(text, &ss, &len, &why), 0);
	assert_null(why);
	assert_int_equal(ss.ss_family, family);
	assert_int_equal(len, v4 ? sizeof(*in) : sizeof(*in6));
	assert_int_equal(ntohs(v4 ? in->sin_port : in6->sin6_port), port);
	inet_ntop(family, v4 ? (const void *)&in->sin_addr : (const void *)&in6->sin6_addr, got,
		  sizeof(got));
	assert_string_equal(got, host);
}

static void test_addr_good(void **state)
{
	(void)state;
	expect_addr("127.0.0.1:6060", AF_INET, "127.0.0.1", 6060);
	expect_addr("127.255.255.255:0", AF_INET, "127.255.255.255", 0);
	expect_addr("10.0.0.1:65535", AF_INET, "10.0.0.1", 65535);
	expect_addr("172.16.0.0:1", AF_INET, "172.16.0.0", 1);
	expect_addr("172.31.255.255:1", AF_INET, "172.31.255.255", 1);
	expect_addr("192.168.0.1:1", AF_INET, "192.168.0.1", 1);
	expect_addr("169.254.1.1:1", AF_INET, "169.254.1.1", 1);
	expect_addr("[::1]:6060", AF_INET6, "::1", 6060);
	expect_addr("[fd00::1]:1", AF_INET6, "fd00::1", 1);
	expect_addr("[fc00::1]:1", AF_INET6, "fc00::1", 1);
	expect_addr("[fe80::1%lo]:1", AF_INET6, "fe80::1", 1);
	expect_addr("[::ffff:127.0.0.1]:6060", AF_INET, "127.0.0.1", 6060);
	expect_addr("[::ffff:a00:1]:6060", AF_INET, "10.0.0.1", 6060);
}

static void expect_refused(const char *text, const char *reason)
{
	struct sockaddr_storage ss;
	const char *why = NULL;
	socklen_t len;

	assert_int_equal(http_addr_parse(text, &ss, &len, &why), -EINVAL);
	assert_non_null(why);
	if (!strstr(why, reason))
		fail_msg("%s is refused because \"%s\", not \"%s\"", text, why, reason);
	assert_int_equal(http_addr_parse(text, &ss, &len, NULL), -EINVAL);
}

static void test_addr_public(void **state)
{
	static const char *const public[] = {
		"8.8.8.8:1",	      "9.255.255.255:1",   "11.0.0.0:1",      "172.15.255.255:1",
		"172.32.0.0:1",	      "192.167.0.1:1",	   "192.169.0.1:1",   "169.253.0.1:1",
		"169.255.0.1:1",      "126.0.0.1:1",	   "128.0.0.1:1",     "100.64.0.1:1",
		"224.0.0.1:1",	      "255.255.255.255:1", "[2001:db8::1]:1", "[::2]:1",
		"[::127.0.0.1]:1",    "[fec0::1]:1",	   "[ff02::1]:1",     "[64:ff9b::a00:1]:1",
		"[::ffff:8.8.8.8]:1", "[fbff::1]:1",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(public); i++)
		expect_refused(public[i], "public: only loopback and private");
	expect_refused("0.0.0.0:6060", "every address");
	expect_refused("[::]:6060", "every address");
	expect_refused("[::ffff:0.0.0.0]:6060", "every address");
}

static void test_addr_forms(void **state)
{
	static const char *const ports[] = {"127.0.0.1:",	"127.0.0.1:65536", "127.0.0.1:http",
					    "127.0.0.1:-1",	"127.0.0.1:+1",	   "127.0.0.1: 1",
					    "127.0.0.1:000001", "[::1]:",	   "[::1]"};
	static const char *const hosts[] = {"localhost:6060", "127.1:6060",   "127.0.0.1.:1",
					    "::1:6060",	      "1:2:3",	      " 127.0.0.1:1",
					    "0x7f.0.0.1:1",   "127.0.0.01:1", "127.0.0.1]:1"};

	(void)state;
	expect_refused("", "port is missing");
	expect_refused("127.0.0.1", "port is missing");
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		expect_refused(ports[i], "not a number from 0 to 65535");
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		expect_refused(hosts[i], "neither IPv4 nor IPv6 in brackets");
	expect_refused(":6060", "without a host");
	expect_refused(":", "without a host");
	expect_refused("unix:/run/kpprof.sock", "Unix sockets");
	expect_refused("%eth0:6060", "interfaces");
	expect_refused("[::1:6060", "closing bracket");
	expect_refused("[:6060", "closing bracket");
	expect_refused("[]:6060", "no IPv6 address");
	expect_refused("[127.0.0.1]:6060", "no IPv6 address");
	expect_refused("[x]:6060", "no IPv6 address");
	expect_refused("[fe80::1]:6060", "needs its interface");
	expect_refused("[fe80::1%nosuchif]:6060", "no such interface");
	expect_refused("[fe80::1%]:6060", "no such interface");
	expect_refused(
		"[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%0123456789abcdef0123456789]:1",
		"too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_int),	   cmocka_unit_test(test_decode),
		cmocka_unit_test(test_encode),	   cmocka_unit_test(test_html),
		cmocka_unit_test(test_addr_good),  cmocka_unit_test(test_addr_public),
		cmocka_unit_test(test_addr_forms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
