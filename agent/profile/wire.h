/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The protobuf wire format (protobuf.dev/programming-guides/encoding) on its way into gzip: only
 * what profile.proto needs, which is numbers, strings and short messages.
 */
#ifndef KPPROF_WIRE_H
#define KPPROF_WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct buf;

enum {
	WIRE_MSG_MAX = 4096,
	WIRE_STAGE_BYTES = 8192,
	WIRE_FIELD32_MAX = 1 + 5,  /* bytes of a field with a number of 32 bits */
	WIRE_FIELD64_MAX = 1 + 10, /* and of 64; field numbers are below 16 */
};

/**
 * struct wire_msg - one message, whole, because its length is written before it
 * @n: bytes used; 0 makes it empty
 * @data: the bytes; who fills it knows that they suffice
 */
struct wire_msg {
	size_t n;
	unsigned char data[WIRE_MSG_MAX];
};

/**
 * struct wire - bytes, compressed and appended to a buffer
 * @out: where the gzip goes; its error is ours
 */
struct wire {
	struct buf *out;
	/* private: */
	z_stream z;
	size_t staged;
	unsigned char stage[WIRE_STAGE_BYTES];
};

/** wire_init() - start a gzip stream that is appended to @out; @w is all zero; 0 or -ENOMEM */
int wire_init(struct wire *w, struct buf *out);

/** wire_deinit() - free what zlib has; also for one that is all zero */
void wire_deinit(struct wire *w);

/** wire_finish() - end the stream; nothing may follow */
void wire_finish(struct wire *w);

/** wire_number() - write a field; 0 is not written, being the default */
void wire_number(struct wire *w, unsigned int field, uint64_t v);

/** wire_string() - write a field of text; bytes that are not UTF-8 become '?' */
void wire_string(struct wire *w, unsigned int field, const void *s, size_t len);

/** wire_message() - write a field that is a message */
void wire_message(struct wire *w, unsigned int field, const struct wire_msg *m);

/** msg_number() - the number field of a message; 0 is not written */
void msg_number(struct wire_msg *m, unsigned int field, uint64_t v);

/** msg_packed() - begin a packed list of numbers that take @bytes together; msg_varint() follows */
void msg_packed(struct wire_msg *m, unsigned int field, size_t bytes);

/** msg_varint() - one number of a list */
void msg_varint(struct wire_msg *m, uint64_t v);

/** varint_size() - how many bytes msg_varint() takes */
size_t varint_size(uint64_t v);

/**
 * msg_begin() - begin a message or a packed list of less than 128 bytes inside a message
 *
 * Return: what msg_end() is to be given.
 */
size_t msg_begin(struct wire_msg *m, unsigned int field);

/** msg_end() - fill in the length of what began at @begin */
void msg_end(struct wire_msg *m, size_t begin);

#endif /* KPPROF_WIRE_H */
