// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/engine/target.c: a choice of processes, as text. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/engine/target.h"

static const char long_name[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static void test_box(void **state)
{
	struct target t;

	(void)state;
	memset(&t, 0xff, sizeof(t));
	assert_int_equal(target_parse("", &t), 0);
	assert_int_equal(t.kind, TARGET_BOX);
	memset(&t, 0xff, sizeof(t));
	assert_int_equal(target_parse("box", &t), 0);
	assert_int_equal(t.kind, TARGET_BOX);
}

static void test_pid(void **state)
{
	static const char *const bad[] = {
		"0",  "-1", "+1",	"4194305",     "01",
		"-0", "00", "10000000", "99999999999", "18446744073709551617"};
	static const char *const bad_alone[] = {"",    " 1",	   "1 ", "1x",
						"0x1", "\xd9\xa3", "-",	 "1\n"};
	struct target t = {.kind = TARGET_BOX, .pid = 77};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(target_parse(bad[i], &t), -EINVAL);
		assert_int_equal(target_pid_set(&t, bad[i]), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(bad_alone); i++)
		assert_int_equal(target_pid_set(&t, bad_alone[i]), -EINVAL);
	assert_int_equal(t.kind, TARGET_BOX);
	assert_int_equal(t.pid, 77);
	assert_int_equal(target_parse("1", &t), 0);
	assert_int_equal(t.kind, TARGET_PID);
	assert_int_equal(t.pid, 1);
	assert_int_equal(target_parse("4194304", &t), 0);
	assert_int_equal(t.pid, 4194304);
}

static void test_comm(void **state)
{
	static const char *const bad[] = {
		"a/b",
		"/",
		"a\nb",
		"\x01",
		"a\x7f",
		"\t",
		"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdefg"};
	static const char *const good[] = {"nginx",	  "7zip",  "-bash",  "1x",
					   "a b",	  "boxes", "..",     "x:y",
					   "caf\xc3\xa9", "\xff",  long_name};
	struct target t = {.kind = TARGET_BOX};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(target_parse(bad[i], &t), -EINVAL);
		assert_int_equal(target_comm_set(&t, bad[i]), -EINVAL);
	}
	assert_int_equal(target_comm_set(&t, ""), -EINVAL);
	assert_int_equal(t.kind, TARGET_BOX);
	for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(target_parse(good[i], &t), 0);
		assert_int_equal(t.kind, TARGET_COMM);
		assert_string_equal(t.comm, good[i]);
	}
	/* Only a path or a parameter can ask for those. */
	assert_int_equal(target_comm_set(&t, "box"), 0);
	assert_string_equal(t.comm, "box");
	assert_int_equal(target_comm_set(&t, "812"), 0);
	assert_int_equal(t.kind, TARGET_COMM);
}

static void test_describe(void **state)
{
	char text[128], small[8];
	struct target t;

	(void)state;
	assert_int_equal(target_parse("box", &t), 0);
	assert_string_equal(target_describe(&t, text, sizeof(text)), "the whole box");
	assert_int_equal(target_parse("812", &t), 0);
	assert_string_equal(target_describe(&t, text, sizeof(text)), "pid 812");
	assert_int_equal(target_parse("nginx", &t), 0);
	assert_string_equal(target_describe(&t, text, sizeof(text)), "processes named nginx");
	assert_string_equal(target_describe(&t, small, sizeof(small)), "process");
}

static void test_comm_is(void **state)
{
	struct target t;

	(void)state;
	assert_int_equal(target_parse("nginx", &t), 0);
	assert_true(target_comm_is(&t, "nginx"));
	assert_false(target_comm_is(&t, "nginx2"));
	assert_false(target_comm_is(&t, "ngin"));
	assert_false(target_comm_is(&t, ""));
	assert_int_equal(target_parse("systemd-journald", &t), 0);
	assert_true(target_comm_is(&t, "systemd-journal"));
	assert_false(target_comm_is(&t, "systemd-journa"));
	assert_int_equal(target_parse("1", &t), 0);
	assert_false(target_comm_is(&t, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_box),	cmocka_unit_test(test_pid),
		cmocka_unit_test(test_comm),	cmocka_unit_test(test_describe),
		cmocka_unit_test(test_comm_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
