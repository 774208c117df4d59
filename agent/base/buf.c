// SPDX-License-Identifier: GPL-2.0-or-later
#include "buf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"

void buf_deinit(struct buf *b)
{
	free(b->data);
	*b = (struct buf){.max = b->max};
}

static bool grow(struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	char *data;

	if (b->error)
		return false;
	if (n > SIZE_MAX / 4 - b->len || (b->max && b->len + n > b->max)) {
		b->error = -EFBIG;
		return false;
	}
	if (b->len + n <= b->cap)
		return true;
	while (cap < b->len + n)
		cap *= 2;
	data = realloc(b->data, cap);
	if (!data) {
		b->error = -ENOMEM;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void *buf_reserve(struct buf *b, size_t n)
{
	if (!grow(b, n))
		return NULL;
	b->len += n;
	return b->data + b->len - n;
}

void buf_append(struct buf *b, const void *data, size_t n)
{
	void *to = n ? buf_reserve(b, n) : NULL;

	if (to)
		memcpy(to, data, n);
}

void buf_puts(struct buf *b, const char *s)
{
	buf_append(b, s, strlen(s));
}

void buf_printable(struct buf *b, const char *text, size_t n)
{
	char *to = buf_reserve(b, n);

	for (size_t i = 0; to && i < n; i++)
		to[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, ap);
	/* vsnprintf writes a NUL behind the text: make room for it, then forget it. */
	if (n > 0 && grow(b, (size_t)n + 1)) {
		vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(b, fmt, ap);
	va_end(ap);
}

int buf_read_fd(struct buf *b, int fd)
{
	for (;;) {
		size_t want = b->cap - b->len > 4096 ? b->cap - b->len : 4096;
		ssize_t n;

		if (b->max && b->max - b->len < want)
			want = b->max - b->len + 1;
		if (b->error)
			return b->error;
		/* One byte over max is asked for, so that a longer file is noticed. */
		if (b->max && b->len + want > b->max) {
			char probe[4097];

			n = read(fd, probe, want < sizeof(probe) ? want : sizeof(probe));
			if (n > 0)
				buf_append(b, probe, (size_t)n);
		} else {
			if (!grow(b, want))
				return b->error;
			n = read(fd, b->data + b->len, want);
			if (n > 0)
				b->len += (size_t)n;
		}
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return b->error;
	}
}

int buf_read_at(struct buf *b, int dirfd, const char *path)
{
	_cleanup_close_ int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return -errno;
	return buf_read_fd(b, fd);
}
