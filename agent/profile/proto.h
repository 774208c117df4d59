/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The pprof writer: profile.proto (github.com/google/pprof/blob/main/proto/profile.proto), streamed
 * field by field into zlib, never held as a whole.
 */
#ifndef KPPROF_PROTO_H
#define KPPROF_PROTO_H

struct buf;
struct profile;

/**
 * proto_write() - a profile as gzip
 * @p: read only; a location without lines and with a mapping is written as its address
 * @out: gzip bytes are appended
 *
 * Samples whose values are all zero are left out, and with them the mappings, locations, functions
 * and strings that nothing refers to; identifiers run from 1 without a gap. The main mapping is
 * always there. Bytes that are not UTF-8 become '?', because protobuf libraries reject the whole
 * profile for one of them. The same profile gives the same bytes.
 *
 * Return: 0, -ENOMEM or buf_error() of @out, which is then as long as it was.
 */
int proto_write(const struct profile *p, struct buf *out);

#endif /* KPPROF_PROTO_H */
