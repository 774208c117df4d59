// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Names and Go's unwind rows of strangers' ELF files. The first byte says whether the file is its
 * own separate debug file, too.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/pclntab.h"
#include "../../agent/image/symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OFFSETS = 48 };

static int make_file(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

/* All over the file, and where its parts begin. */
static size_t choose_offsets(const struct elf_image *img, uint64_t offsets[OFFSETS])
{
	size_t n = 0;

	for (; n < OFFSETS / 2; n++)
		offsets[n] = img->size * n / (OFFSETS / 2);
	for (size_t i = 0; i < img->nsections && n < OFFSETS - 2; i++)
		if (img->sections[i].flags & SHF_EXECINSTR)
			offsets[n++] = img->sections[i].offset + i;
	offsets[n++] = UINT64_MAX;
	if (elf_vaddr_to_offset(img, img->entry, &offsets[n]))
		n++;
	return n;
}

static void resolve(struct elf_image *img, struct elf_image *debug)
{
	struct names_builder b = {0};
	_cleanup_buf_ struct buf block = {0};
	uint64_t offsets[OFFSETS];
	struct symbols *s;
	struct names n;

	if (symbols_create(img, debug, &s) != 0)
		abort();
	symbols_bytes(s);
	/* Twice: what was read the first time is used again. */
	for (int i = 0; i < 2; i++) {
		size_t count = choose_offsets(img, offsets);

		block.len = 0;
		if (symbols_resolve(s, "fuzz", offsets, count, &b) != 0 ||
		    names_finish(&b, &block) != 0)
			abort();
		if (names_map(block.data, block.len, &n) != 0 || n.naddrs != count)
			abort();
	}
	symbols_destroy(s);
}

static void make_rows(struct elf_image *img)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder rows = {0};
	struct kpprof_rows mapped;
	struct pclntab *t;

	if (pclntab_open(img, &t) != 0)
		return;
	if (pclntab_rows(t, &rows) != 0)
		abort();
	if (rows_finish(&rows, &block) == 0 && rows_map(block.data, block.len, &mapped) != 0)
		abort();
	rows_builder_deinit(&rows);
	pclntab_close(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_elf_ struct elf_image *img = NULL, *debug = NULL;
	_cleanup_close_ int fd = -1;

	if (!size)
		return 0;
	fd = make_file(data + 1, size - 1);
	if (elf_image_open(fd, &img) != 0)
		return 0;
	if (data[0] & 1 && elf_image_open(fd, &debug) != 0)
		debug = NULL;
	resolve(img, debug);
	make_rows(img);
	return 0;
}
