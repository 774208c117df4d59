// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/http/host.c and auth.c: which names mean this box, and who knows a password. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/http/auth.h"
#include "../../agent/http/host.h"

static void test_host(void **state)
{
	static const char *const good[] = {
		"[fe80::1%eth0.5]:6060",
		"[fe80::1%25wlan-0]",
		"127.0.0.1",
		"127.0.0.1:6060",
		"203.0.113.7:1",
		"[::1]",
		"[::1]:6060",
		"localhost",
		"LocalHost:6060",
		"[fe80::1%25eth0]:6060",
		"[fe80::1%eth0]",
		"box.lan",
		"BOX.lan:6060",
		"nas",
	};
	static const char *const bad[] = {
		"[fe80::1%a b]",
		"[::1%eth0/x]:80",
		"",
		"evil.example",
		"evil.example:6060",
		"localhost.evil.example",
		"127.0.0.1.x",
		"127.0.0.1:6060x",
		"127.1",
		"[::1",
		"[::1]x",
		"[127.0.0.1]",
		"[]",
		"box.lan.evil.example",
		"box.la",
		"ox.lan",
		":6060",
		"localhost:6060:1",
		"a,b",
		"box.lan,nas",
		"localhost@evil",
		"box.lan nas",
	};
	struct utsname uts;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		if (!host_allowed(good[i], "box.lan, nas"))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		if (host_allowed(bad[i], "box.lan, nas"))
			fail_msg("%s is allowed", bad[i]);
	assert_false(host_allowed("box.lan", NULL));
	assert_int_equal(uname(&uts), 0);
	assert_true(host_allowed(uts.nodename, NULL));
}

static void test_long_host(void **state)
{
	char name[1000];

	(void)state;
	memset(name, 'a', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	assert_false(host_allowed(name, name));
	name[0] = '[';
	assert_false(host_allowed(name, NULL));
}

static void test_origin(void **state)
{
	(void)state;
	assert_true(origin_allowed("box:1", NULL, NULL, NULL));
	assert_true(origin_allowed("box:1", "http://box:1", "same-origin", "cors"));
	assert_true(origin_allowed("box:1", NULL, "none", "navigate"));
	assert_true(origin_allowed("box:1", NULL, "cross-site", "navigate"));
	assert_false(origin_allowed("box:1", NULL, "cross-site", "no-cors"));
	assert_false(origin_allowed("box:1", NULL, "cross-site", NULL));
	assert_false(origin_allowed("box:1", "http://box:2", NULL, NULL));
	assert_false(origin_allowed("box:1", "https://box:1", NULL, NULL));
	assert_false(origin_allowed("box:1", "null", NULL, NULL));
	assert_false(origin_allowed("box:1", "", NULL, NULL));
}

static void expect_parsed(const char *header, const char *name, const char *password)
{
	struct auth a;

	assert_int_equal(auth_parse(header, &a), 0);
	assert_string_equal(a.name, name);
	assert_string_equal(a.password, password);
}

static void test_parse(void **state)
{
	static const char *const broken[] = {
		"Basic ",	  "Basic !",	     "Basic bWU=", "Basic bWU6c2VjcmV0=x",
		"Basic bWU6\n",	  "Basic bWU6c===",  "Basic b",	   "Basic AAA6AAA=",
		"Basic bWU6c2V ", "Basic\tbWU6eA==",
	};
	struct auth a;

	(void)state;
	expect_parsed("Basic bWU6c2VjcmV0", "me", "secret");
	expect_parsed("basic  bWU6c2VjcmV0", "me", "secret");
	expect_parsed("Basic bWU6YTpi", "me", "a:b");
	expect_parsed("Basic bWU6", "me", "");
	expect_parsed("Basic Og==", "", "");
	expect_parsed("Basic bWU6eA==", "me", "x");
	expect_parsed("Basic bWU6eA", "me", "x");
	assert_int_equal(auth_parse(NULL, &a), -ENOENT);
	assert_int_equal(auth_parse("Bearer x", &a), -ENOENT);
	for (size_t i = 0; i < ARRAY_SIZE(broken); i++)
		if (auth_parse(broken[i], &a) == 0)
			fail_msg("%s is taken", broken[i]);
}

static void test_parse_long(void **state)
{
	char header[2048] = "Basic ";
	struct auth a;

	(void)state;
	memset(header + 6, 'Y', sizeof(header) - 7);
	assert_int_equal(auth_parse(header, &a), -EINVAL);
	/* 64 bytes of a name without its colon, 66 in base64 */
	memcpy(header, "Basic OmFh", 10);
	header[10 + 4 * 85] = '\0';
	assert_int_equal(auth_parse(header, &a), -EINVAL);
	header[10 + 4 * 84] = '\0';
	assert_int_equal(auth_parse(header, &a), 0);
	assert_int_equal(strlen(a.password), 254);
}

static bool knows(const char *text, const char *name, const char *password)
{
	struct auth a = {0};

	strcpy(a.name, name);
	strcpy(a.password, password);
	return auth_check(text, strlen(text), &a);
}

static void test_check(void **state)
{
	static const char text[] =
		"# who may\nme:secret\r\n\nyou:a:b\n#no:pair\nempty:\n:x\nlast:1";

	(void)state;
	assert_true(knows(text, "me", "secret"));
	assert_true(knows(text, "you", "a:b"));
	assert_true(knows(text, "last", "1"));
	assert_false(knows(text, "me", "secre"));
	assert_false(knows(text, "me", "secret1"));
	assert_false(knows(text, "m", "secret"));
	assert_false(knows(text, "you", "secret"));
	assert_false(knows(text, "#no", "pair"));
	assert_false(knows(text, "empty", ""));
	assert_false(knows(text, "", "x"));
	assert_false(knows(text, "", ""));
	assert_false(knows("", "", ""));
}

static void test_file(void **state)
{
	char path[] = "/tmp/kpprof-auth-XXXXXX";
	int fd = mkstemp(path);
	struct auth a = {.name = "me", .password = "secret"};
	const char *why;
	bool ok;

	(void)state;
	assert_int_equal(write(fd, "me:secret\n", 10), 10);
	assert_int_equal(auth_file_check(path, &a, &ok, &why), 0);
	assert_true(ok);
	a.password[0] = 'S';
	assert_int_equal(auth_file_check(path, &a, &ok, &why), 0);
	assert_false(ok);
	a.password[0] = 's';
	for (mode_t bit = 1; bit <= 040; bit <<= 1) {
		assert_int_equal(fchmod(fd, 0600 | bit), 0);
		assert_int_equal(auth_file_check(path, &a, &ok, &why), -EPERM);
		assert_false(ok);
		assert_non_null(why);
	}
	unlink(path);
	close(fd);
	assert_int_equal(auth_file_check(path, &a, &ok, &why), -ENOENT);
	assert_int_equal(auth_file_check("/dev/null", &a, &ok, &why), -EPERM);
	assert_false(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_host),	   cmocka_unit_test(test_long_host),
		cmocka_unit_test(test_origin),	   cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_long), cmocka_unit_test(test_check),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
