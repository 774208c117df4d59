// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the agent's writer is measured beside: a profile as protobuf-c's generated code writes it.
 *
 *   protobuf_c FILE  reads a profile.pb.gz into protobuf-c's structures, and from these makes a
 *                    gzip again, packed as a whole and then compressed as the agent does
 *
 * Prints "UNITS NANOSECONDS" as parts does, units being bytes before gzip; the reading is outside
 * of measured(), and so is all that makes numbers of strings, functions and locations.
 */
#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zlib.h>

#include "profile.pb-c.h"

typedef Perftools__Profiles__Profile Profile;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* The bytes of a profile without gzip. */
static uint8_t *unzip(const char *path, size_t *len)
{
	gzFile f = gzopen(path, "rb");
	size_t cap = 1 << 20;
	uint8_t *bytes = NULL;
	int n;

	if (!f)
		err(1, "%s", path);
	*len = 0;
	do {
		cap *= 2;
		bytes = realloc(bytes, cap);
		if (!bytes)
			errx(1, "no memory");
		n = gzread(f, bytes + *len, (unsigned int)(cap - *len));
		if (n < 0)
			errx(1, "%s: damaged", path);
		*len += (size_t)n;
	} while (*len == cap);
	gzclose(f);
	return bytes;
}

/* Of whatever size; the caller frees it. */
static uint8_t *zip(uint8_t *bytes, size_t len)
{
	z_stream z = {.next_in = bytes, .avail_in = (uInt)len};
	uint8_t *out;

	if (deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		errx(1, "no memory");
	z.avail_out = (uInt)deflateBound(&z, len);
	out = z.next_out = malloc(z.avail_out);
	if (!out || deflate(&z, Z_FINISH) != Z_STREAM_END)
		errx(1, "not compressed");
	deflateEnd(&z);
	return out;
}

/* By its name callgrind knows what to count. */
__attribute__((noinline, noclone)) size_t measured(const Profile *p);
__attribute__((noinline, noclone)) size_t measured(const Profile *p)
{
	size_t len = perftools__profiles__profile__get_packed_size(p);
	uint8_t *bytes = malloc(len);

	if (!bytes || perftools__profiles__profile__pack(p, bytes) != len)
		errx(1, "not packed");
	free(zip(bytes, len));
	free(bytes);
	return len;
}

int main(int argc, char **argv)
{
	uint64_t from;
	uint8_t *bytes;
	size_t len;
	Profile *p;

	if (argc != 2)
		errx(2, "usage: protobuf_c FILE");
	bytes = unzip(argv[1], &len);
	p = perftools__profiles__profile__unpack(NULL, len, bytes);
	if (!p)
		errx(1, "%s is no profile", argv[1]);
	free(bytes);
	from = now_ns();
	len = measured(p);
	printf("%zu %" PRIu64 "\n", len, now_ns() - from);
	perftools__profiles__profile__free_unpacked(p, NULL);
	return 0;
}
