// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * grow PAGES: touches so many fresh pages, with 4550 rounds of a loop between two, which are 50 000
 * instructions: 20 000 pages in 10^9. Waits for a line on its input, and prints "cpu_ns=N", what
 * that took of the CPU.
 */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "work.h"

enum { PAGE = 4096, ROUNDS = WORK_ROUNDS_PER_MS / 20 };

static volatile unsigned long sink;

int main(int argc, char **argv)
{
	size_t pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
	char *memory = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			    -1, 0);
	long from;

	if (memory == MAP_FAILED || madvise(memory, pages * PAGE, MADV_NOHUGEPAGE))
		err(1, "memory");
	getchar();
	from = work_cpu_ns();
	for (size_t i = 0; i < pages; i++) {
		memory[i * PAGE] = 1;
		sink += work(ROUNDS);
	}
	printf("cpu_ns=%ld\n", work_cpu_ns() - from);
	return 0;
}
