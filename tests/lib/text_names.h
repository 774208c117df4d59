/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names read from a text, for the tests of kallsyms and perf maps. Include after cmocka.h. */
#ifndef KPPROF_TEST_TEXT_NAMES_H
#define KPPROF_TEST_TEXT_NAMES_H

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/names.h"

typedef int (*text_resolver)(int fd, const uint64_t *addrs, size_t n, struct names_builder *out);

static inline int text_file(const char *text, size_t size)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, size), size);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Names of @addrs; the block is in @block. */
static inline struct names text_names(text_resolver resolve, int fd, const uint64_t *addrs,
				      size_t n, struct buf *block)
{
	struct names_builder b = {0};
	struct names names;

	assert_int_equal(resolve(fd, addrs, n, &b), 0);
	assert_int_equal(names_finish(&b, block), 0);
	assert_int_equal(names_map(block->data, block->len, &names), 0);
	return names;
}

/* The name of one address in a text, "-" when it has none. */
static inline const char *text_name(text_resolver resolve, const char *text, uint64_t addr,
				    struct name_line *line)
{
	static char name[8192], file[1024];
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = text_file(text, strlen(text));
	struct names n = text_names(resolve, fd, &addr, 1, &block);
	struct name_line l;

	if (!names_count(&n, 0))
		return "-";
	l = names_get(&n, 0, 0);
	snprintf(name, sizeof(name), "%s", l.name);
	snprintf(file, sizeof(file), "%s", l.file);
	if (line)
		*line = (struct name_line){name, file, l.line, l.start_line};
	return name;
}

#endif /* KPPROF_TEST_TEXT_NAMES_H */
