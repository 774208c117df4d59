/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a tar.gz that goes by: names and sizes, and the text of one file. */
#ifndef KPPROF_CTL_UNTAR_H
#define KPPROF_CTL_UNTAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

/* Bytes that are kept of the file that is wanted. */
enum { UNTAR_TEXT_MAX = 16 << 10 };

/**
 * struct untar - an archive that goes by; @on_file, @ctx and @wanted are set before untar_init()
 * @on_file: a file begins: its name, printable, and its size
 * @wanted: the last part of the name of the file whose beginning is kept in @text
 * @text: that, ended by a NUL
 * @whole: the archive has ended as it should
 */
struct untar {
	void (*on_file)(void *ctx, const char *name, uint64_t size);
	void *ctx;
	const char *wanted;
	char text[UNTAR_TEXT_MAX + 1];
	size_t ntext;
	bool whole;
	/* private: */
	z_stream z;
	unsigned char block[512];
	size_t nblock;
	uint64_t left;
	bool keep;
};

/** untar_init() - begin; 0 or -ENOMEM */
int untar_init(struct untar *u);

/** untar_feed() - the next bytes of the archive; 0, or -EBADMSG */
int untar_feed(struct untar *u, const void *data, size_t len);

/** untar_deinit() - free what zlib has */
void untar_deinit(struct untar *u);

#endif /* KPPROF_CTL_UNTAR_H */
