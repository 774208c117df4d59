// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/box/buildids.c: ELF notes as sysfs has them. */
#include <elf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/box/buildids.h"

struct note {
	Elf64_Nhdr head;
	char rest[24];
};

static void expect(const void *notes, size_t len, const char *want)
{
	_cleanup_buf_ struct buf out = {0};
	int err = buildid_from_notes(notes, len, &out);

	assert_int_equal(err, want ? 0 : -ENOENT);
	buf_append(&out, "", 1);
	assert_string_equal(out.data, want ? want : "");
}

static void test_notes(void **state)
{
	/* Another note stands in front, with a name and a description that are padded. */
	struct note notes[2] = {
		{{6, 5, 7},
		 "Linux\0\0\0"
		 "12345\0\0\0"},
		{{4, 8, NT_GNU_BUILD_ID},
		 "GNU\0"
		 "\x01\x23\x45\x67\x89\xab\xcd\xef"},
	};
	char both[12 + 16 + 12 + 12];

	(void)state;
	memcpy(both, &notes[0], 12 + 16);
	memcpy(both + 12 + 16, &notes[1], 12 + 12);
	expect(both, sizeof(both), "0123456789abcdef");
	expect(&notes[1], 12 + 12, "0123456789abcdef");
	/* Each end before the last byte, and none after it. */
	for (size_t len = 0; len < sizeof(both); len++)
		expect(both, len, NULL);
	notes[1].head.n_namesz = 0xfffffffd;
	expect(&notes[1], 12 + 12, NULL);
	notes[1].head.n_namesz = 4;
	notes[1].head.n_descsz = 0xffffffff;
	expect(&notes[1], 12 + 12, NULL);
	notes[1].head.n_descsz = 0;
	expect(&notes[1], 12 + 12, NULL);
	notes[1].head.n_descsz = 8;
	notes[1].head.n_type = NT_GNU_HWCAP;
	expect(&notes[1], 12 + 12, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_notes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
