// SPDX-License-Identifier: GPL-2.0-or-later
/* kmod/addr.c: which addresses are listened on, and what is said of the others. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../kmod/addr.h"

static struct kpprof_listen good(const char *text, unsigned int allow)
{
	struct kpprof_listen l;
	const char *why = kpprof_listen_parse(text, allow, &l);

	if (why)
		fail_msg("%s is refused: %s", text, why);
	return l;
}

static void expect_one(const char *text, int family, const char *host, unsigned int port)
{
	struct kpprof_listen l = good(text, 0);
	char got[INET6_ADDRSTRLEN];

	assert_int_equal(l.kind, KPPROF_LISTEN_ONE);
	assert_int_equal(l.ipv6, family == AF_INET6);
	assert_int_equal(l.port, port);
	assert_non_null(inet_ntop(family, l.addr, got, sizeof(got)));
	assert_string_equal(got, host);
}

static void expect_name(const struct kpprof_listen *l, const char *name)
{
	assert_int_equal(l->name_len, strlen(name));
	assert_memory_equal(l->name, name, l->name_len);
}

static void test_one(void **state)
{
	struct kpprof_listen l;

	(void)state;
	expect_one("127.0.0.1:6060", AF_INET, "127.0.0.1", 6060);
	expect_one("127.255.255.255:0", AF_INET, "127.255.255.255", 0);
	expect_one("10.0.0.1:65535", AF_INET, "10.0.0.1", 65535);
	expect_one("172.16.0.0:1", AF_INET, "172.16.0.0", 1);
	expect_one("172.31.255.255:1", AF_INET, "172.31.255.255", 1);
	expect_one("192.168.0.1:1", AF_INET, "192.168.0.1", 1);
	expect_one("169.254.1.1:1", AF_INET, "169.254.1.1", 1);
	expect_one("[::1]:6060", AF_INET6, "::1", 6060);
	expect_one("[fd00::1]:1", AF_INET6, "fd00::1", 1);
	expect_one("[fc00::1]:1", AF_INET6, "fc00::1", 1);
	expect_one("[fe80::1%lo]:1", AF_INET6, "fe80::1", 1);
	expect_one("[::ffff:127.0.0.1]:6060", AF_INET, "127.0.0.1", 6060);
	expect_one("[::ffff:a00:1]:6060", AF_INET, "10.0.0.1", 6060);
	l = good("[fe80::1%br-lan.10]:1", 0);
	expect_name(&l, "br-lan.10");
}

static void test_forms(void **state)
{
	struct kpprof_listen l = good(":6060", 0);

	(void)state;
	assert_int_equal(l.kind, KPPROF_LISTEN_PRIVATE);
	assert_int_equal(l.port, 6060);
	l = good("%eth0:80", 0);
	assert_int_equal(l.kind, KPPROF_LISTEN_INTERFACE);
	assert_int_equal(l.port, 80);
	expect_name(&l, "eth0");
	l = good("unix:/run/kpprof.sock", 0);
	assert_int_equal(l.kind, KPPROF_LISTEN_UNIX);
	expect_name(&l, "/run/kpprof.sock");
}

static void expect_refused_with(const char *text, unsigned int allow, const char *reason)
{
	struct kpprof_listen l;
	const char *why = kpprof_listen_parse(text, allow, &l);

	if (!why || !strstr(why, reason))
		fail_msg("%s is refused because \"%s\", not \"%s\"", text, why, reason);
}

static void expect_refused(const char *text, const char *reason)
{
	expect_refused_with(text, 0, reason);
}

static const char *const public[] = {
	"8.8.8.8:1",	      "9.255.255.255:1",   "11.0.0.0:1",      "172.15.255.255:1",
	"172.32.0.0:1",	      "192.167.0.1:1",	   "192.169.0.1:1",   "169.253.0.1:1",
	"169.255.0.1:1",      "126.0.0.1:1",	   "128.0.0.1:1",     "203.0.113.7:6060",
	"224.0.0.1:1",	      "255.255.255.255:1", "[2001:db8::1]:1", "[::2]:1",
	"[::127.0.0.1]:1",    "[fec0::1]:1",	   "[ff02::1]:1",     "[64:ff9b::a00:1]:1",
	"[::ffff:8.8.8.8]:1", "[fbff::1]:1",	   "100.63.0.1:1",    "100.128.0.1:1",
	"[2002:a00:1::]:1",   "0.0.0.1:1",
};

static void test_public(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(public); i++) {
		expect_refused(public[i], "public: only loopback and private");
		expect_refused_with(public[i], KPPROF_ALLOW_CGNAT, "public");
		good(public[i], KPPROF_ALLOW_PUBLIC);
	}
	expect_refused("0.0.0.0:6060", "every address");
	expect_refused("[::]:6060", "every address");
	expect_refused("[::ffff:0.0.0.0]:6060", "every address");
	expect_refused("100.64.0.1:1", "a carrier's");
	good("100.64.0.1:1", KPPROF_ALLOW_CGNAT);
	good("100.127.255.255:1", KPPROF_ALLOW_CGNAT);
	good("0.0.0.0:1", KPPROF_ALLOW_PUBLIC);
}

static void test_malformed(void **state)
{
	static const char *const ports[] = {"127.0.0.1:",
					    "127.0.0.1:65536",
					    "127.0.0.1:http",
					    "127.0.0.1:-1",
					    "127.0.0.1:+1",
					    "127.0.0.1: 1",
					    "127.0.0.1:000001",
					    "[::1]:",
					    "[::1]",
					    ":",
					    "%eth0:"};
	static const char *const hosts[] = {"localhost:6060", "127.1:6060",  "127.0.0.1.:1",
					    "::1:6060",	      "1:2:3",	     " 127.0.0.1:1",
					    "0x7f.0.0.1:1",   "127.0.0.1]:1"};
	static const char *const names[] = {
		"%:6060",	   "%a/b:6060", "%a b:6060",	    "%0123456789abcdef:1",
		"[fe80::1%]:6060", "%\x7f:1",	"[fe80::1%a%b c]:1"};

	(void)state;
	expect_refused("", "port is missing");
	expect_refused("127.0.0.1", "port is missing");
	for (size_t i = 0; i < ARRAY_SIZE(ports); i++)
		expect_refused(ports[i], "not a number from 0 to 65535");
	for (size_t i = 0; i < ARRAY_SIZE(hosts); i++)
		expect_refused(hosts[i], "neither IPv4 nor IPv6 in brackets");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		expect_refused(names[i], "no name of an interface");
	expect_refused(":0", "a port from 1");
	expect_refused("%eth0:0", "a port from 1");
	expect_refused("unix:", "begin with a slash");
	expect_refused("unix:kpprof.sock", "begin with a slash");
	expect_refused("[::1:6060", "closing bracket");
	expect_refused("[:6060", "closing bracket");
	expect_refused("[]:6060", "no IPv6 address");
	expect_refused("[127.0.0.1]:6060", "no IPv6 address");
	expect_refused("[x]:6060", "no IPv6 address");
	expect_refused("[fe80::1]:6060", "needs its interface");
	expect_refused("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255000]:1", "too long");
	expect_refused("1111111111111111111111111111111111111111111111:1", "too long");
}

static void test_long_path(void **state)
{
	char path[256] = "unix:/";

	(void)state;
	memset(path + 6, 'x', 106);
	good(path, 0);
	path[6 + 106] = 'x';
	expect_refused(path, "too long");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),	  cmocka_unit_test(test_forms),
		cmocka_unit_test(test_public),	  cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_long_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
