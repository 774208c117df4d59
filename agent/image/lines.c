// SPDX-License-Identifier: GPL-2.0-or-later
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* More bytes behind those that are there; false at the end of the file. */
static bool fill(struct lines *l)
{
	size_t room;
	ssize_t n;

	memmove(l->data, l->data + l->from, l->to - l->from);
	l->to -= l->from;
	l->from = 0;
	if (l->to == sizeof(l->data)) {
		/* Longer than any line worth reading: what is to come of it is skipped as well. */
		l->skip = true;
		l->to = 0;
	}
	room = sizeof(l->data) - l->to;
	if (room > l->left)
		room = (size_t)l->left;
	do
		n = room ? read(l->fd, l->data + l->to, room) : 0;
	while (n < 0 && errno == EINTR);
	if (n < 0)
		l->error = -errno;
	if (n <= 0)
		return false;
	l->to += (size_t)n;
	l->left -= (size_t)n;
	return true;
}

bool lines_next(struct lines *l, const char **line, size_t *len)
{
	for (;;) {
		char *nl = memchr(l->data + l->from, '\n', l->to - l->from);
		bool more = nl || fill(l);

		if (!nl && more)
			continue;
		/* What the limit cut off is no line. */
		if (!nl && (l->from == l->to || l->error || !l->left))
			return false;
		*line = l->data + l->from;
		*len = (size_t)((nl ? nl : l->data + l->to) - *line);
		l->from += *len + (nl ? 1 : 0);
		if (!l->skip)
			return true;
		l->skip = false;
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool lines_hex(const char **p, const char *end, uint64_t *value)
{
	const char *from = *p;
	uint64_t v = 0;
	int d;

	for (; *p < end && (d = hex_digit(**p)) >= 0; (*p)++)
		v = v << 4 | (uint64_t)d;
	*value = v;
	return *p > from && *p - from <= 16;
}
