// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * mallocs MILLISECONDS RATE: pairs of malloc and free over a live set of 4096 blocks, so many a
 * second of CPU time, with work between them; RATE 0: no work. Waits for a line on its input, goes
 * on for so long by its own CPU time, and prints "pairs=N".
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LIVE = 4096, BATCH = 64 };

static void *live[LIVE];

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void work(unsigned long rounds)
{
	for (volatile unsigned long k = 0; k < rounds; k++)
		;
}

static void pair(unsigned long i)
{
	static uint32_t random = 1;

	free(live[i % LIVE]);
	random = random * 1664525 + 1013904223;
	live[i % LIVE] = malloc(16 + (random >> 24));
}

/* Rounds of work that, with a pair, take 1/@rate seconds. */
static unsigned long calibrate(unsigned long rate)
{
	uint64_t from = cpu_ns(), pairs, rounds;

	for (unsigned long i = 0; i < 100000; i++)
		pair(i);
	pairs = (cpu_ns() - from) / 100000;
	from = cpu_ns();
	work(20000000);
	rounds = cpu_ns() - from;
	return rate && 1000000000 / rate > pairs
		       ? (unsigned long)((1000000000 / rate - pairs) * 20000000 / rounds)
		       : 0;
}

int main(int argc, char **argv)
{
	uint64_t ms = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000, end;
	unsigned long rounds = calibrate(argc > 2 ? strtoul(argv[2], NULL, 10) : 0), n = 0;

	getchar();
	end = cpu_ns() + ms * 1000000;
	while (cpu_ns() < end) {
		for (int i = 0; i < BATCH; i++, n++) {
			pair(n);
			work(rounds);
		}
	}
	printf("pairs=%lu\n", n);
	return 0;
}
