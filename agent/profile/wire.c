// SPDX-License-Identifier: GPL-2.0-or-later
#include "wire.h"

#include <errno.h>
#include <string.h>

#include "../base/buf.h"

enum { TYPE_VARINT = 0, TYPE_BYTES = 2 };

int wire_init(struct wire *w, struct buf *out)
{
	w->out = out;
	/* 15 window bits + 16 is gzip; its header has no time, so equal profiles are equal files.
	 */
	if (deflateInit2(&w->z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	return 0;
}

void wire_deinit(struct wire *w)
{
	deflateEnd(&w->z);
}

/* Compresses what is staged. */
static void squeeze(struct wire *w, int flush)
{
	unsigned char out[WIRE_STAGE_BYTES];

	w->z.next_in = w->stage;
	w->z.avail_in = (uInt)w->staged;
	w->staged = 0;
	do {
		w->z.next_out = out;
		w->z.avail_out = sizeof(out);
		deflate(&w->z, flush);
		buf_append(w->out, out, sizeof(out) - w->z.avail_out);
	} while (!w->z.avail_out && !buf_error(w->out));
}

void wire_finish(struct wire *w)
{
	squeeze(w, Z_FINISH);
}

static void put(struct wire *w, const void *data, size_t n)
{
	const unsigned char *from = data;

	while (n) {
		size_t room = sizeof(w->stage) - w->staged;
		size_t now = n < room ? n : room;

		memcpy(w->stage + w->staged, from, now);
		w->staged += now;
		from += now;
		n -= now;
		if (w->staged == sizeof(w->stage))
			squeeze(w, Z_NO_FLUSH);
	}
}

size_t varint_size(uint64_t v)
{
	size_t n = 1;

	for (; v >= 0x80; v >>= 7)
		n++;
	return n;
}

static size_t varint_encode(unsigned char *to, uint64_t v)
{
	size_t n = 0;

	for (; v >= 0x80; v >>= 7)
		to[n++] = (unsigned char)(v | 0x80);
	to[n++] = (unsigned char)v;
	return n;
}

static void put_varint(struct wire *w, uint64_t v)
{
	unsigned char bytes[10];

	put(w, bytes, varint_encode(bytes, v));
}

void wire_number(struct wire *w, unsigned int field, uint64_t v)
{
	if (!v)
		return;
	put_varint(w, field << 3 | TYPE_VARINT);
	put_varint(w, v);
}

void wire_message(struct wire *w, unsigned int field, const struct wire_msg *m)
{
	put_varint(w, field << 3 | TYPE_BYTES);
	put_varint(w, m->n);
	put(w, m->data, m->n);
}

/* Length of the UTF-8 sequence at @s, 0 if there is none; the table in section 4 of RFC 3629. */
static size_t utf8_sequence(const unsigned char *s, size_t len)
{
	unsigned int low = 0x80, high = 0xbf;
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	if (s[0] == 0xe0)
		low = 0xa0;
	else if (s[0] == 0xed)
		high = 0x9f;
	else if (s[0] == 0xf0)
		low = 0x90;
	else if (s[0] == 0xf4)
		high = 0x8f;
	if (n > len || s[1] < low || s[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

void wire_string(struct wire *w, unsigned int field, const void *s, size_t len)
{
	const unsigned char *from = s;
	size_t done = 0, n;

	put_varint(w, field << 3 | TYPE_BYTES);
	put_varint(w, len);
	for (size_t i = 0; i < len; i += n ? n : 1) {
		n = utf8_sequence(from + i, len - i);
		if (n)
			continue;
		put(w, from + done, i - done);
		put(w, "?", 1);
		done = i + 1;
	}
	put(w, from + done, len - done);
}

void msg_varint(struct wire_msg *m, uint64_t v)
{
	m->n += varint_encode(m->data + m->n, v);
}

void msg_number(struct wire_msg *m, unsigned int field, uint64_t v)
{
	if (!v)
		return;
	msg_varint(m, field << 3 | TYPE_VARINT);
	msg_varint(m, v);
}

void msg_packed(struct wire_msg *m, unsigned int field, size_t bytes)
{
	msg_varint(m, field << 3 | TYPE_BYTES);
	msg_varint(m, bytes);
}

size_t msg_begin(struct wire_msg *m, unsigned int field)
{
	msg_packed(m, field, 0);
	return m->n;
}

void msg_end(struct wire_msg *m, size_t begin)
{
	m->data[begin - 1] = (unsigned char)(m->n - begin);
}
