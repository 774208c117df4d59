/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing array of bytes. An allocation that fails is remembered, and everything after it is
 * dropped, so that a writer checks once, at its end, with buf_error().
 */
#ifndef KPPROF_BUF_H
#define KPPROF_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct buf - bytes on the heap
 * @data: the bytes, NULL while there are none; not terminated
 * @len: bytes used
 * @cap: bytes allocated
 * @max: never grow over this many bytes; 0 for no limit
 * @error: 0, -ENOMEM or, over @max, -EFBIG
 *
 * All zero is a valid empty buffer.
 */
struct buf {
	char *data;
	size_t len;
	size_t cap;
	size_t max;
	int error;
};

/** buf_deinit() - free the bytes and make the buffer empty again */
void buf_deinit(struct buf *b);

/** buf_reserve() - room for @n more bytes; returns where they go, or NULL after an error */
void *buf_reserve(struct buf *b, size_t n);

/** buf_append() - append @n bytes */
void buf_append(struct buf *b, const void *data, size_t n);

/** buf_puts() - append a string, without its NUL */
void buf_puts(struct buf *b, const char *s);

/** buf_printable() - append @n bytes of text, control characters as '?': for terminals and logs */
void buf_printable(struct buf *b, const char *text, size_t n);

/** buf_printf() - append formatted text */
__attribute__((format(printf, 2, 3))) void buf_printf(struct buf *b, const char *fmt, ...);

/** buf_vprintf() - the same with a list */
__attribute__((format(printf, 2, 0))) void buf_vprintf(struct buf *b, const char *fmt, va_list ap);

/** buf_error() - 0, or the first error since buf_deinit() or all zero */
static inline int buf_error(const struct buf *b)
{
	return b->error;
}

/** buf_read_fd() - append all of a file from its current position; 0, -EFBIG or -errno */
int buf_read_fd(struct buf *b, int fd);

/** buf_read_at() - append all of the file @path under @dirfd; 0, -EFBIG or -errno */
int buf_read_at(struct buf *b, int dirfd, const char *path);

#define _cleanup_buf_ __attribute__((__cleanup__(buf_deinit)))

#endif /* KPPROF_BUF_H */
