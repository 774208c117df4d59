// SPDX-License-Identifier: GPL-2.0-or-later
/* The first byte chooses what the rest is: 0, kallsyms; 1, a perf map; 2, a block of names. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/kallsyms.h"
#include "../../agent/image/perfmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint64_t addrs[] = {
	0x1000,
	0x1008,
	0x1000,
	0x2000,
	0x2fff,
	0,
	UINT64_MAX,
	0x10000000,
	0x7fff0000,
	0xffffffff81000000,
	0xffffffff81000123,
	0xffffffffc0100000,
};

static size_t read_block(const void *block, size_t size)
{
	size_t sum = 0;
	struct names n;

	if (names_map(block, size, &n) != 0)
		return SIZE_MAX;
	for (uint32_t i = 0; i < n.naddrs; i++)
		for (uint32_t k = 0; k < names_count(&n, i); k++)
			sum += strlen(names_get(&n, i, k).name) + strlen(names_get(&n, i, k).file);
	names_get(&n, n.naddrs, 0);
	return sum;
}

static void use_text(int (*resolve)(int, const uint64_t *, size_t, struct names_builder *),
		     const uint8_t *data, size_t size)
{
	_cleanup_close_ int fd = memfd_create("fuzz", MFD_CLOEXEC);
	_cleanup_buf_ struct buf block = {0};
	struct names_builder b = {0};

	if (fd < 0 || write(fd, data, size) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
		abort();
	if (resolve(fd, addrs, ARRAY_SIZE(addrs), &b) != 0 || names_finish(&b, &block) != 0)
		abort();
	if (read_block(block.data, block.len) == SIZE_MAX)
		abort();
}

static void use_block(const uint8_t *data, size_t size)
{
	/* A copy, so that reading over its end is noticed. */
	_cleanup_free_ void *copy = malloc(size ? size : 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	read_block(copy, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] == 0)
		use_text(kallsyms_resolve, data + 1, size - 1);
	else if (data[0] == 1)
		use_text(perfmap_resolve, data + 1, size - 1);
	else if (data[0] == 2)
		use_block(data + 1, size - 1);
	return 0;
}
