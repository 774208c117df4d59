// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Strangers' ELF files, and strangers' blocks of rows. The first byte chooses what the rest is: 0,
 * a file; 1, a block; 2, the contents of .eh_frame, 3, of .debug_frame, 4, of .eh_frame without
 * section headers, each in a file that is otherwise sound.
 */
#include <errno.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/rows.h"
#include "../lib/elf_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_block(const void *data, size_t size)
{
	_cleanup_free_ void *copy = malloc(size + 1);
	struct kpprof_rows rows;
	__u64 start;

	if (!copy)
		abort();
	memcpy(copy, data, size);
	if (rows_map(copy, size, &rows) != 0)
		return;
	for (uint64_t pc = 0; pc < 0x4000; pc += 61)
		kpprof_rows_find(&rows, pc, &start);
	kpprof_rows_find(&rows, KPPROF_PC_MAX, &start);
	kpprof_rows_find(&rows, UINT64_MAX, &start);
}

/* What rows_finish() makes, rows_map() must take. */
static void use_file(int fd)
{
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_buf_ struct buf block = {0};
	struct kpprof_rows rows;
	int err;

	if (elf_image_open(fd, &img) != 0)
		return;
	err = rows_build(img, &block);
	if (err && err != -ENODATA && err != -E2BIG)
		abort();
	if (!err && rows_map(block.data, block.len, &rows) != 0)
		abort();
}

static int make_file(const uint8_t *data, size_t size, int choice)
{
	static const enum frames_kind kinds[] = {IN_EH_FRAME, IN_DEBUG_FRAME, BY_EH_FRAME_HDR};
	int fd;

	/* The code is the same bytes, so that the scan of the code is fed, too. */
	if (choice)
		return elf_file_make(kinds[choice - 2], data, size, data, size, CODE_AT + 16);
	fd = memfd_create("fuzz", MFD_CLOEXEC);
	if (fd < 0)
		abort();
	elf_file_put(fd, 0, data, size);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = -1;

	if (!size || data[0] > 4)
		return 0;
	if (data[0] == 1) {
		use_block(data + 1, size - 1);
		return 0;
	}
	fd = make_file(data + 1, size - 1, data[0]);
	use_file(fd);
	return 0;
}
