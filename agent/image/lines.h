/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text files read line by line through one fixed buffer: /proc/kallsyms, perf maps. */
#ifndef KPPROF_LINES_H
#define KPPROF_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct lines - a reader; set @fd and @left, all else is zero
 * @fd: read from its current position on
 * @left: stop after this many bytes
 * @error: 0, or the -errno that ended the reading
 */
struct lines {
	int fd;
	uint64_t left;
	int error;
	/* private: */
	bool skip;
	size_t from, to;
	char data[65536];
};

/**
 * lines_next() - the next line
 * @line: out: valid until the next call; not terminated, no newline
 * @len: out: its bytes
 *
 * Lines longer than the buffer are left out.
 *
 * Return: false at the end, or after an error.
 */
bool lines_next(struct lines *l, const char **line, size_t *len);

/**
 * lines_hex() - take a hexadecimal number off the front of a line
 * @p: moved behind the number
 * @end: of the line
 * @value: out
 *
 * Return: false when there is no digit, or more than 16.
 */
bool lines_hex(const char **p, const char *end, uint64_t *value);

#endif /* KPPROF_LINES_H */
