// SPDX-License-Identifier: GPL-2.0-or-later
#include "tar.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/buf.h"

/* A header's fields have no NUL when they are full. */
struct header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char chksum[8];
	char typeflag;
	char linkname[100];
	char magic[6];
	char version[2];
	char uname[32];
	char gname[32];
	char devmajor[8];
	char devminor[8];
	char prefix[155];
	char unused[12];
};

_Static_assert(sizeof(struct header) == TAR_BLOCK, "a header is one block");

/* Eleven octal digits. */
static const uint64_t size_max = (1ull << 33) - 1;

enum { ROOM = 16 << 10, GZIP_WINDOW = 15 + 16, MEMORY_LEVEL = 8 };

int tar_init(struct tar *t, struct buf *out, int64_t time)
{
	t->out = out;
	t->time = time > 0 ? time : 0;
	/* Most of it is gzip already. */
	return deflateInit2(&t->z, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, MEMORY_LEVEL,
			    Z_DEFAULT_STRATEGY) == Z_OK
		       ? 0
		       : -ENOMEM;
}

void tar_deinit(struct tar *t)
{
	if (t->out)
		deflateEnd(&t->z);
	*t = (struct tar){0};
}

static void squeeze(struct tar *t, const void *data, size_t len, int flush)
{
	t->z.next_in = (void *)(uintptr_t)data;
	t->z.avail_in = (uInt)len;
	do {
		t->z.next_out = buf_reserve(t->out, ROOM);
		if (!t->z.next_out)
			return;
		t->z.avail_out = ROOM;
		deflate(&t->z, flush);
		/* What was reserved counts as used. */
		t->out->len -= t->z.avail_out;
	} while (!t->z.avail_out);
}

/* zlib counts in 32 bits. */
static void write_bytes(struct tar *t, const char *data, size_t len)
{
	while (len) {
		size_t n = len < (1u << 30) ? len : 1u << 30;

		squeeze(t, data, n, Z_NO_FLUSH);
		data += n;
		len -= n;
	}
}

static int split_name(struct header *h, const char *name)
{
	size_t len = strlen(name);
	const char *slash = name;

	if (len <= sizeof(h->name)) {
		memcpy(h->name, name, len);
		return 0;
	}
	/* The first '/' behind which the rest fits. */
	while ((slash = strchr(slash + 1, '/')) &&
	       len - (size_t)(slash - name) - 1 > sizeof(h->name))
		;
	if (!slash || (size_t)(slash - name) > sizeof(h->prefix) || !slash[1])
		return -ENAMETOOLONG;
	memcpy(h->prefix, name, (size_t)(slash - name));
	memcpy(h->name, slash + 1, len - (size_t)(slash - name) - 1);
	return 0;
}

static int fill(struct header *h, const char *name, uint64_t size, int64_t time)
{
	const unsigned char *bytes = (const void *)h;
	unsigned int sum = 0;
	int err = split_name(h, name);

	if (err)
		return err;
	snprintf(h->mode, sizeof(h->mode), "%07o", 0644u);
	snprintf(h->uid, sizeof(h->uid), "%07o", 0u);
	snprintf(h->gid, sizeof(h->gid), "%07o", 0u);
	snprintf(h->size, sizeof(h->size), "%011llo", (unsigned long long)size);
	snprintf(h->mtime, sizeof(h->mtime), "%011llo",
		 (unsigned long long)time & (unsigned long long)size_max);
	memset(h->chksum, ' ', sizeof(h->chksum));
	h->typeflag = '0';
	memcpy(h->magic, "ustar", sizeof(h->magic));
	memcpy(h->version, "00", sizeof(h->version));
	for (size_t i = 0; i < sizeof(*h); i++)
		sum += bytes[i];
	snprintf(h->chksum, sizeof(h->chksum), "%06o", sum);
	return 0;
}

int tar_add(struct tar *t, const char *name, const void *data, size_t len)
{
	static const char padding[TAR_BLOCK];
	struct header h = {0};
	int err;

	if (len > size_max)
		return -EFBIG;
	err = fill(&h, name, len, t->time);
	if (err)
		return err;
	write_bytes(t, (const char *)&h, sizeof(h));
	write_bytes(t, data, len);
	write_bytes(t, padding, (TAR_BLOCK - len % TAR_BLOCK) % TAR_BLOCK);
	return 0;
}

void tar_flush(struct tar *t)
{
	squeeze(t, NULL, 0, Z_SYNC_FLUSH);
}

void tar_finish(struct tar *t)
{
	static const char end[2 * TAR_BLOCK];

	squeeze(t, end, sizeof(end), Z_FINISH);
}
