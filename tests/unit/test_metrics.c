// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/box/metrics.c: labels, whose text is a stranger's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../agent/base/buf.h"
#include "../../agent/box/metrics.h"

static void test_label(void **state)
{
	static const char *const texts[][2] = {
		{"", "\"\""},
		{"nginx: worker", "\"nginx: worker\""},
		{"a\"b\\c", "\"a\\\"b\\\\c\""},
		{"line\nend\x7f\x1b[0m", "\"line?end??[0m\""},
		{"\xc3\xa4\xff", "\"???\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		_cleanup_buf_ struct buf out = {0};

		metrics_label(&out, texts[i][0]);
		buf_append(&out, "", 1);
		assert_string_equal(out.data, texts[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_label),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
