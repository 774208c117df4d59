/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A tar archive in gzip, made while it is sent. Files only, in the format of POSIX.1-1988 (ustar:
 * pax(1), "ustar Interchange Format"), which everything unpacks:
 *
 *	offset	bytes
 *	0	100	name; a longer one is split at a '/' into prefix and name
 *	100	8	mode, octal, as all numbers
 *	108	8+8	user and group
 *	124	12	size
 *	136	12	time, seconds since 1970
 *	148	8	sum of all bytes of the header, with this field as blanks
 *	156	1	'0': a file
 *	257	6+2	"ustar", NUL, "00"
 *	345	155	prefix
 *
 * The header is a block of 512 bytes; data is padded to blocks; two empty blocks are the end.
 */
#ifndef KPPROF_TAR_H
#define KPPROF_TAR_H

#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

struct buf;

enum { TAR_BLOCK = 512 };

/**
 * struct tar - an archive in the making; all zero before tar_init()
 * @out: where it goes; its error is ours
 * @time: of all files
 */
struct tar {
	struct buf *out;
	int64_t time;
	/* private: */
	z_stream z;
};

/** tar_init() - begin an archive that is appended to @out; 0 or -ENOMEM */
int tar_init(struct tar *t, struct buf *out, int64_t time);

/** tar_deinit() - free what zlib has; also for one that is all zero */
void tar_deinit(struct tar *t);

/**
 * tar_add() - add a file
 * @name: path; neither absolute nor with ".."
 *
 * Return: 0; -ENAMETOOLONG when the name does not fit, or -EFBIG over 8 GB, and nothing was added.
 */
int tar_add(struct tar *t, const char *name, const void *data, size_t len);

/** tar_flush() - whoever has read all that there is has all files that were added */
void tar_flush(struct tar *t);

/** tar_finish() - end the archive; nothing may follow */
void tar_finish(struct tar *t);

#endif /* KPPROF_TAR_H */
