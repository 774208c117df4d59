// SPDX-License-Identifier: GPL-2.0-or-later
#include "params.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

int param_int(const char *s, int64_t *out)
{
	bool negative;
	uint64_t n = 0, limit;

	if (!s)
		return -EINVAL;
	negative = *s == '-';
	s += *s == '-' || *s == '+';
	if (!*s || s[strspn(s, "0123456789")])
		return -EINVAL;
	limit = (uint64_t)INT64_MAX + negative;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (n > (limit - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*out = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
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

int percent_decode(char *s, bool plus)
{
	char *to = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*to++ = *s == '+' && plus ? ' ' : *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
	return 0;
}

void percent_encode(struct buf *out, const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *s; s++) {
		if (strchr(plain, *s))
			buf_append(out, s, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}

static void html_char(struct buf *out, char c)
{
	switch (c) {
	case '<':
		buf_puts(out, "&lt;");
		break;
	case '>':
		buf_puts(out, "&gt;");
		break;
	case '&':
		buf_puts(out, "&amp;");
		break;
	case '"':
		buf_puts(out, "&#34;");
		break;
	case '\'':
		buf_puts(out, "&#39;");
		break;
	default:
		if ((unsigned char)c < ' ' || c == 0x7f)
			c = '?';
		buf_append(out, &c, 1);
		break;
	}
}

char *html_escape(const char *s)
{
	struct buf out = {0};

	for (; *s; s++)
		html_char(&out, *s);
	buf_append(&out, "", 1);
	if (buf_error(&out))
		buf_deinit(&out);
	return out.data;
}
