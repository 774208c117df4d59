// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_untar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GZIP_WINDOW = 15 + 16 };

int untar_init(struct untar *u)
{
	return inflateInit2(&u->z, GZIP_WINDOW) == Z_OK ? 0 : -ENOMEM;
}

void untar_deinit(struct untar *u)
{
	inflateEnd(&u->z);
}

/* Offsets of the header's fields: see agent/box/tar.h. */
static void take_header(struct untar *u)
{
	const char *h = (const char *)u->block;
	char name[257], size[13] = "";
	const char *slash;

	if (!*h)
		return; /* the end */
	snprintf(name, sizeof(name), "%.155s%s%.100s", h + 345, h[345] ? "/" : "", h);
	memcpy(size, h + 124, 12);
	u->left = strtoull(size, NULL, 8);
	for (char *c = name; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
	slash = strchr(name, '/');
	slash = slash ? slash + 1 : name;
	u->keep = strcmp(slash, u->wanted) == 0;
	u->on_file(u->ctx, slash, u->left);
}

static void take_data(struct untar *u)
{
	size_t n = u->left < sizeof(u->block) ? (size_t)u->left : sizeof(u->block);
	size_t room = UNTAR_TEXT_MAX - u->ntext;

	u->left -= n;
	if (!u->keep)
		return;
	n = n < room ? n : room;
	memcpy(u->text + u->ntext, u->block, n);
	u->ntext += n;
	u->text[u->ntext] = '\0';
}

int untar_feed(struct untar *u, const void *data, size_t len)
{
	u->z.next_in = (void *)(uintptr_t)data;
	u->z.avail_in = (uInt)len;
	do {
		int status;

		u->z.next_out = u->block + u->nblock;
		u->z.avail_out = (uInt)(sizeof(u->block) - u->nblock);
		status = inflate(&u->z, Z_NO_FLUSH);
		u->nblock = sizeof(u->block) - u->z.avail_out;
		if (u->nblock == sizeof(u->block)) {
			u->nblock = 0;
			if (u->left)
				take_data(u);
			else
				take_header(u);
		}
		if (status == Z_STREAM_END) {
			u->whole = !u->left && !u->nblock;
			return 0;
		}
		if (status != Z_OK && status != Z_BUF_ERROR)
			return -EBADMSG;
		if (status == Z_BUF_ERROR)
			return 0;
	} while (u->z.avail_in || !u->z.avail_out);
	return 0;
}
