// SPDX-License-Identifier: GPL-2.0-or-later
#include "minidebug.h"

#include <errno.h>
#include <lzma.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "elf.h"

/* Of libc 100 KB; what a dictionary may need; and what may come out. */
#define PACKED_MAX   (64u << 20)
#define DECODER_MAX  (96u << 20)
#define UNPACKED_MAX (128u << 20)

static int write_all(int fd, const uint8_t *data, size_t n)
{
	while (n) {
		ssize_t put = write(fd, data, n);

		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			data += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

static int lzma_errno(lzma_ret ret)
{
	return ret == LZMA_MEM_ERROR || ret == LZMA_MEMLIMIT_ERROR ? -ENOMEM : -EBADMSG;
}

static int unpack(lzma_stream *s, int fd)
{
	uint8_t chunk[65536];
	lzma_ret ret;
	int err;

	do {
		s->next_out = chunk;
		s->avail_out = sizeof(chunk);
		ret = lzma_code(s, LZMA_FINISH);
		if (ret != LZMA_OK && ret != LZMA_STREAM_END)
			return lzma_errno(ret);
		if (s->total_out > UNPACKED_MAX)
			return -EFBIG;
		err = write_all(fd, chunk, sizeof(chunk) - s->avail_out);
	} while (!err && ret == LZMA_OK);
	return err;
}

int minidebug_open(struct elf_image *img, int *fd, struct elf_image **out)
{
	const struct elf_section *sec = elf_section_find(img, ".gnu_debugdata");
	_cleanup_(lzma_end) lzma_stream s = LZMA_STREAM_INIT;
	_cleanup_close_ int mem = -1;
	lzma_ret ret;
	int err;

	if (!sec)
		return -ENOENT;
	err = elf_section_read(img, sec, PACKED_MAX, &s.next_in, &s.avail_in);
	if (err)
		return err;
	ret = lzma_stream_decoder(&s, DECODER_MAX, 0);
	if (ret != LZMA_OK)
		return lzma_errno(ret);
	mem = memfd_create("minidebug", MFD_CLOEXEC);
	if (mem < 0)
		return -errno;
	err = unpack(&s, mem);
	if (!err)
		err = elf_image_open(mem, out);
	if (!err)
		*fd = take_fd(mem);
	return err == -ENOEXEC ? -EBADMSG : err;
}
