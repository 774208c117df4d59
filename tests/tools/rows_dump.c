// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * rows_dump FILE: the unwind rows that the agent makes of FILE, one a line:
 *   vaddr kind reg off off2 fp fp_off
 * rows_dump -t FILE: how many rows and rules, their bytes, and the milliseconds it took.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/rows.h"

static const char *const kinds[] = {"none",   "stop",	"cfa",	       "deref", "plt",
				    "signal", "switch", "unsupported", "clone"};
static const char *const fps[] = {"same", "cfa", "fp", "lost"};

static void dump(const struct elf_image *img, const struct kpprof_rows *rows)
{
	for (uint32_t i = 0; i < rows->nrows; i++) {
		const struct kpprof_rule *r = &rows->rules[rows->index[i]];
		uint64_t vaddr;

		/* Rows may end between segments. */
		if (elf_offset_to_vaddr(img, rows->pcs[i], &vaddr))
			printf("%" PRIx64 " %s %u %d %d %s %d %u\n", vaddr, kinds[r->kind], r->reg,
			       r->off, r->off2, fps[r->fp], r->fp_off, r->bx);
	}
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int run(const char *path, bool timing)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_buf_ struct buf block = {0};
	struct kpprof_rows rows;
	double start = now();
	int err;

	if (fd < 0)
		return -1;
	err = elf_image_open(fd, &img);
	if (!err)
		err = rows_build(img, &block);
	if (!err)
		err = rows_map(block.data, block.len, &rows);
	if (err) {
		fprintf(stderr, "rows_dump: %s: %s\n", path, strerror(-err));
		return err;
	}
	if (timing)
		printf("%s: %u rows, %u rules, %zu bytes, %.1f ms\n", path, rows.nrows, rows.nrules,
		       block.len, now() - start);
	else
		dump(img, &rows);
	return 0;
}

int main(int argc, char **argv)
{
	bool timing = argc == 3 && strcmp(argv[1], "-t") == 0;

	if (argc != 2 + timing)
		return 2;
	return run(argv[argc - 1], timing) ? EXIT_FAILURE : EXIT_SUCCESS;
}
