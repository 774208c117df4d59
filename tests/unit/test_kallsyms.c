// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image/kallsyms: names of kernel addresses. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../agent/image/kallsyms.h"
#include "../lib/text_names.h"

static const char sample[] = "0000000000000000 A fixed_percpu_data\n"
			     "ffffffff81000000 T _text\n"
			     "ffffffff81000000 T startup_64\n"
			     "ffffffff81000000 T _stext\n"
			     "ffffffff81000100 t __do_work\n"
			     "ffffffff81000100 T do_work\n"
			     "ffffffff81000200 W weak_one\n"
			     "ffffffff81000300 T last_one\n"
			     "ffffffff81001000 T _etext\n"
			     "ffffffff81002000 D some_data\n"
			     "ffffffffc0102000 t mod_b\t[second]\n"
			     "ffffffffc0103000 d mod_b_data\t[second]\n"
			     "ffffffffc0101000 t mod_a\t[first]\n"
			     "ffffffffc0200000 t bpf_prog_6deef7357e7b4530\t[bpf]\n";

static void check(uint64_t addr, const char *name, const char *module)
{
	struct name_line l = {.file = ""};

	assert_string_equal(text_name(kallsyms_resolve, sample, addr, &l), name);
	assert_string_equal(l.file, module);
}

static void test_names(void **state)
{
	(void)state;
	check(0xffffffff81000000, "startup_64", "");
	check(0xffffffff810000ff, "startup_64", "");
	check(0xffffffff81000100, "do_work", "");
	check(0xffffffff81000242, "weak_one", "");
	check(0xffffffff81000fff, "last_one", "");
	check(0xffffffffc0101fff, "mod_a", "[first]");
	check(0xffffffffc0102000, "mod_b", "[second]");
	check(0xffffffffc0200010, "bpf_prog_6deef7357e7b4530", "[bpf]");
}

static void test_no_names(void **state)
{
	(void)state;
	/* Before all, behind the text, in data, far from all. */
	check(0xffffffff80ffffff, "-", "");
	check(0xffffffff81001000, "-", "");
	check(0xffffffff81002001, "-", "");
	check(0xffffffffc0103000, "-", "");
	check(0xffffffffc1200000, "-", "");
	check(0, "-", "");
	check(UINT64_MAX, "-", "");
}

static void test_order_and_marks(void **state)
{
	const uint64_t addrs[] = {0xffffffffc0102000, 0xffffffff81000100, 0, 0xffffffff81000100};
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = text_file(sample, strlen(sample));
	struct names n = text_names(kallsyms_resolve, fd, addrs, ARRAY_SIZE(addrs), &block);

	(void)state;
	assert_int_equal(n.naddrs, ARRAY_SIZE(addrs) + 2);
	assert_string_equal(names_get(&n, 0, 0).name, "mod_b");
	assert_string_equal(names_get(&n, 1, 0).name, "do_work");
	assert_int_equal(names_count(&n, 2), 0);
	assert_string_equal(names_get(&n, 3, 0).name, "do_work");
	assert_string_equal(names_get(&n, 4, 0).name, "_stext");
	assert_string_equal(names_get(&n, 4, 0).file, "ffffffff81000000");
	assert_string_equal(names_get(&n, 5, 0).name, "_etext");
	assert_string_equal(names_get(&n, 5, 0).file, "ffffffff81001000");
	assert_true(n.flags & NAMES_ALL_FUNCTIONS);
}

static void test_hidden(void **state)
{
	static const char hidden[] = "0000000000000000 T _stext\n0000000000000000 T do_work\n";
	const uint64_t addr = 0xffffffff81000100;
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = text_file(hidden, strlen(hidden));
	struct names n = text_names(kallsyms_resolve, fd, &addr, 1, &block);

	(void)state;
	assert_int_equal(n.naddrs, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(names_count(&n, i), 0);
	assert_false(n.flags & NAMES_ALL_FUNCTIONS);
}

static void test_damaged_lines(void **state)
{
	static const char text[] = "\n \nzzzz T x\nffffffff81000000\nffffffff81000000 T\n"
				   "ffffffff81000000 T \nfffffffffffffffff T too_many_digits\n"
				   "ffffffff81000000 T good [not a module\nffffffff81000010 T end";

	(void)state;
	assert_string_equal(text_name(kallsyms_resolve, text, 0xffffffff8100000f, NULL),
			    "good [not a module");
	assert_string_equal(text_name(kallsyms_resolve, text, 0xffffffff81000011, NULL), "end");
	assert_string_equal(text_name(kallsyms_resolve, "", 1, NULL), "-");
}

/* A line longer than any buffer is skipped, and the next one is read. */
static void test_long_line(void **state)
{
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	buf_puts(&text, "ffffffff81000000 T first\nffffffff81000010 T ");
	memset(buf_reserve(&text, 200000), 'x', 200000);
	buf_puts(&text, "\nffffffff81000020 T third\n");
	buf_append(&text, "", 1);
	assert_string_equal(text_name(kallsyms_resolve, text.data, 0xffffffff81000018, NULL),
			    "first");
	assert_string_equal(text_name(kallsyms_resolve, text.data, 0xffffffff81000028, NULL),
			    "third");
}

static void test_read_error(void **state)
{
	_cleanup_close_ int fd = open("/", O_RDONLY | O_DIRECTORY);
	struct names_builder b = {0};
	uint64_t addr = 1;

	(void)state;
	assert_int_equal(kallsyms_resolve(fd, &addr, 1, &b), -EISDIR);
	names_builder_deinit(&b);
}

/* Every 500th text symbol of this machine's kernel, when they may be seen. */
static void test_this_kernel(void **state)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	_cleanup_close_ int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	_cleanup_buf_ struct buf addrs = {0}, block = {0};
	char line[1024], type;
	struct names n;
	uint64_t v;
	size_t i = 0;

	(void)state;
	if (!f || fd < 0)
		skip();
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%" SCNx64 " %c", &v, &type) == 2 && v &&
		    (type == 't' || type == 'T') && i++ % 500 == 0 && !strstr(line, "_etext"))
			buf_append(&addrs, &v, sizeof(v));
	if (!addrs.len)
		skip();
	n = text_names(kallsyms_resolve, fd, (const uint64_t *)(const void *)addrs.data,
		       addrs.len / sizeof(v), &block);
	for (i = 0; i < addrs.len / sizeof(v); i++)
		assert_int_equal(names_count(&n, (uint32_t)i), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),		cmocka_unit_test(test_no_names),
		cmocka_unit_test(test_order_and_marks), cmocka_unit_test(test_hidden),
		cmocka_unit_test(test_damaged_lines),	cmocka_unit_test(test_long_line),
		cmocka_unit_test(test_read_error),	cmocka_unit_test(test_this_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
