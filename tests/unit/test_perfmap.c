// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image/perfmap: names of just-in-time code. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../../agent/image/perfmap.h"
#include "../lib/text_names.h"

static void check(const char *text, uint64_t addr, const char *name)
{
	assert_string_equal(text_name(perfmap_resolve, text, addr, NULL), name);
}

static void test_names(void **state)
{
	static const char text[] = "1000 10 LazyCompile:~foo /app/x.js:12\n"
				   "0x2000 0x20 py::bar:/app/y.py\r\n"
				   "3000 8 short\n";

	(void)state;
	check(text, 0x1000, "LazyCompile:~foo /app/x.js:12");
	check(text, 0x100f, "LazyCompile:~foo /app/x.js:12");
	check(text, 0x1010, "-");
	check(text, 0x201f, "py::bar:/app/y.py");
	check(text, 0x3008, "-");
	check(text, 0xfff, "-");
	check("", 0x1000, "-");
}

/* Code is thrown away and its place is used again. */
static void test_last_wins(void **state)
{
	static const char text[] = "1000 100 old\n1040 20 new\n1000 8 newest\n1044 1 one\n";

	(void)state;
	check(text, 0x1000, "newest");
	check(text, 0x1008, "old");
	check(text, 0x1040, "new");
	check(text, 0x1044, "one");
	check(text, 0x1045, "new");
	check(text, 0x1060, "old");
}

static void test_damaged_lines(void **state)
{
	static const char text[] = "\nx\n1000\n1000 10\n1000 10 \n1000 0 zero\n1000 zz bad\n"
				   "ffffffffffffff00 200 wraps\n12345678123456789 1 long\n"
				   "1000 10 good\nbad again\n2000 10 last";

	(void)state;
	check(text, 0x1000, "good");
	check(text, 0x2000, "last");
	check(text, 0xffffffffffffff80, "-");
}

static uint32_t next_random(uint32_t *seed)
{
	*seed = *seed * 1103515245 + 12345;
	return *seed >> 16;
}

/* Random ranges against a plain table of one entry for each byte. */
static void test_model(void **state)
{
	enum { SPACE = 600, LINES = 400, WANTED = 97 };
	_cleanup_buf_ struct buf text = {0}, block = {0};
	int owner[SPACE] = {0};
	uint64_t addrs[WANTED];
	uint32_t seed = 7;
	struct names n;
	int fd;

	(void)state;
	for (int i = 1; i <= LINES; i++) {
		uint32_t start = next_random(&seed) % SPACE;
		uint32_t size = 1 + next_random(&seed) % (i % 10 ? 20 : SPACE);

		buf_printf(&text, "%x %x name%d\n", start, size, i);
		for (uint32_t a = start; a < SPACE && a < start + size; a++)
			owner[a] = i;
	}
	for (size_t i = 0; i < WANTED; i++)
		addrs[i] = next_random(&seed) % SPACE;
	fd = text_file(text.data, text.len);
	n = text_names(perfmap_resolve, fd, addrs, WANTED, &block);
	close(fd);
	for (uint32_t i = 0; i < WANTED; i++) {
		char want[32];

		snprintf(want, sizeof(want), "name%d", owner[addrs[i]]);
		assert_int_equal(names_count(&n, i), owner[addrs[i]] != 0);
		if (owner[addrs[i]])
			assert_string_equal(names_get(&n, i, 0).name, want);
	}
}

/* Names that were overwritten do not pile up, and those that were not stay. */
static void test_many_lines(void **state)
{
	_cleanup_buf_ struct buf text = {0};

	(void)state;
	buf_puts(&text, "500 1 first\n");
	for (int i = 0; i < 50000; i++)
		buf_printf(&text, "1000 100 a_name_that_is_not_very_short_so_that_it_adds_up_%d\n",
			   i);
	buf_append(&text, "", 1);
	check(text.data, 0x500, "first");
	check(text.data, 0x1001, "a_name_that_is_not_very_short_so_that_it_adds_up_49999");
}

static void test_no_addresses(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = text_file("1 1 a\n", 6);
	struct names n = text_names(perfmap_resolve, fd, NULL, 0, &block);

	(void)state;
	assert_int_equal(n.naddrs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),	      cmocka_unit_test(test_last_wins),
		cmocka_unit_test(test_damaged_lines), cmocka_unit_test(test_model),
		cmocka_unit_test(test_many_lines),    cmocka_unit_test(test_no_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
