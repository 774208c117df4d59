// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/box/tar.c, read back with zlib and the format's own rules. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/box/tar.h"

/* Unpacks what there is of a gzip stream; returns whether its end was there. */
static bool unpack(const struct buf *gz, struct buf *out)
{
	z_stream z = {0};
	int status = Z_OK;

	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (void *)gz->data;
	z.avail_in = (uInt)gz->len;
	while (status == Z_OK) {
		z.next_out = buf_reserve(out, 4096);
		z.avail_out = 4096;
		status = inflate(&z, Z_NO_FLUSH);
		out->len -= z.avail_out;
	}
	assert_true(status == Z_STREAM_END || status == Z_BUF_ERROR);
	inflateEnd(&z);
	return status == Z_STREAM_END;
}

/* Checks the header at @at and returns the size; the name in @name. */
static size_t read_header(const char *at, char *name)
{
	unsigned int sum = 0, want = (unsigned int)strtoul(at + 148, NULL, 8);

	for (size_t i = 0; i < TAR_BLOCK; i++)
		sum += i >= 148 && i < 156 ? ' ' : (unsigned char)at[i];
	assert_int_equal(sum, want);
	assert_memory_equal(at + 257,
			    "ustar\0"
			    "00",
			    8);
	assert_int_equal(at[156], '0');
	assert_int_equal(strtoul(at + 136, NULL, 8), 1234567890);
	sprintf(name, "%.155s%s%.100s", at + 345, at[345] ? "/" : "", at);
	return strtoul(at + 124, NULL, 8);
}

static void test_sizes(void **state)
{
	static const size_t sizes[] = {0, 1, 511, 512, 513, 100000};
	_cleanup_buf_ struct buf gz = {0}, raw = {0}, data = {0};
	struct tar t = {0};
	size_t at = 0;

	(void)state;
	for (int i = 0; i < 100000; i++)
		buf_printf(&data, "%d", i * 7919 % 10);
	assert_int_equal(tar_init(&t, &gz, 1234567890), 0);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[32];

		snprintf(name, sizeof(name), "dir/%zu", i);
		assert_int_equal(tar_add(&t, name, data.data, sizes[i]), 0);
	}
	tar_finish(&t);
	tar_deinit(&t);
	assert_int_equal(buf_error(&gz), 0);
	assert_true(unpack(&gz, &raw));
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char name[300], want[32];

		snprintf(want, sizeof(want), "dir/%zu", i);
		assert_int_equal(read_header(raw.data + at, name), sizes[i]);
		assert_string_equal(name, want);
		assert_memory_equal(raw.data + at + TAR_BLOCK, data.data, sizes[i]);
		at += TAR_BLOCK + (sizes[i] + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	assert_int_equal(raw.len, at + 2 * TAR_BLOCK);
	for (; at < raw.len; at++)
		assert_int_equal(raw.data[at], 0);
}

static void test_names(void **state)
{
	static const struct {
		size_t first,
			second; /* letters before and behind a '/'; no '/' without the first */
		int err;
	} names[] = {
		{0, 1, 0},
		{0, 100, 0},
		{0, 101, -ENAMETOOLONG},
		{99, 1, 0},
		{100, 1, 0},
		{155, 100, 0},
		{156, 1, -ENAMETOOLONG},
		{1, 101, -ENAMETOOLONG},
		{50, 100, 0},
		{100, 0, -ENAMETOOLONG},
	};
	_cleanup_buf_ struct buf gz = {0}, raw = {0};
	struct tar t = {0};
	size_t at = 0;

	(void)state;
	assert_int_equal(tar_init(&t, &gz, 1234567890), 0);
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			char name[300] = "", have[300];

			memset(name, 'a', names[i].first);
			if (names[i].first)
				name[names[i].first] = '/';
			memset(name + strlen(name), 'b', names[i].second);
			if (pass == 0) {
				assert_int_equal(tar_add(&t, name, "x", 1), names[i].err);
			} else if (!names[i].err) {
				assert_int_equal(read_header(raw.data + at, have), 1);
				assert_string_equal(have, name);
				at += 2 * TAR_BLOCK;
			}
		}
		if (pass == 0) {
			tar_finish(&t);
			assert_true(unpack(&gz, &raw));
		}
	}
	tar_deinit(&t);
	assert_int_equal(raw.len, at + 2 * TAR_BLOCK);
}

/* What was flushed can be read before the end is there. */
static void test_flush(void **state)
{
	_cleanup_buf_ struct buf gz = {0}, raw = {0};
	struct tar t = {0};
	char name[300];

	(void)state;
	assert_int_equal(tar_init(&t, &gz, 1234567890), 0);
	assert_int_equal(tar_add(&t, "first", "12345", 5), 0);
	tar_flush(&t);
	assert_false(unpack(&gz, &raw));
	assert_int_equal(raw.len, 2 * TAR_BLOCK);
	assert_int_equal(read_header(raw.data, name), 5);
	assert_memory_equal(raw.data + TAR_BLOCK, "12345", 6);
	tar_deinit(&t);
	tar_deinit(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_flush),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
