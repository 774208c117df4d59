// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/heap/residence.c: what anonymous memory is for, from smaps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/engine/find.h"
#include "../../agent/heap/residence.h"

static const char smaps[] =
	"55d0c8000000-55d0c8100000 rw-p 00002000 fd:00 1234  /usr/bin/x y\n"
	"Size:               1024 kB\nRss:                 512 kB\nAnonymous:            12 kB\n"
	"VmFlags: rd wr mr\n"
	"55d0c9000000-55d0c9100000 rw-p 00000000 00:00 0     [heap]\n"
	"Anonymous:           100 kB\nAnonHugePages:         0 kB\n"
	"7f0000000000-7f0000800000 rw-p 00000000 00:00 0 \n"
	"Anonymous:             8 kB\n"
	"7f0001000000-7f0001800000 rw-p 00000000 00:00 0 \n"
	"Anonymous:          3000 kB\n"
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0     [stack]\n"
	"Anonymous:            20 kB\n"
	"7ffc00100000-7ffc00101000 r-xp 00000000 00:00 0     [vdso]\n"
	"Anonymous:             0 kB\n";

static void test_parse(void **state)
{
	const uint64_t sps[] = {0x7f00007ff000, 0x7ffc00010000};
	_cleanup_free_ char *text = strdup(smaps);
	struct residence r = {0};

	(void)state;
	residence_parse(text, sps, 2, &r);
	assert_int_equal(r.files, 12 << 10);
	assert_int_equal(r.heap, 3100 << 10);
	assert_int_equal(r.stacks, 28 << 10);
}

static void test_nonsense(void **state)
{
	static const char *const texts[] = {
		"",
		"\n\n",
		"Anonymous: 5 kB\n",
		"zz-yy\nAnonymous: 5 kB\n",
		"0-",
		"1000-2000\nAnonymous:",
		"1000-2000 rw-p\nAnonymous: x kB\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		_cleanup_free_ char *text = strdup(texts[i]);
		struct residence r = {0};

		residence_parse(text, NULL, 0, &r);
		assert_int_equal(r.heap + r.stacks + r.files, 0);
	}
}

/* This process: the parts are the whole that the kernel tells. */
static void test_self(void **state)
{
	struct residence r = {0};
	uint64_t sum, anon;

	(void)state;
	assert_int_equal(residence_read(getpid(), &r), 0);
	sum = (r.heap + r.stacks + r.files) >> 10;
	anon = (uint64_t)process_status(getpid(), "RssAnon");
	assert_true(r.stacks > 0 && r.files > 0);
	/* The reading itself takes memory, and the kernel counts in batches. */
	assert_true(sum > anon / 2 && sum < anon * 2 + 4096);
	assert_true(residence_read(0x3ffffe, &r) != 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_self),
	};

	return cmocka_run_group_tests_name("residence", tests, NULL, NULL);
}
