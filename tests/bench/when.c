// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * when MILLISECONDS: works from the moment when a line comes on its input, and its stack says how
 * many milliseconds that is ago: thousands_3 calls hundreds_0, which calls tens_7, and that ones_2.
 * So a profile tells of each of its samples when it was taken, whoever took it.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* So that whoever knows nothing else to go by gets whole stacks, too. */
#pragma GCC optimize("no-omit-frame-pointer")

typedef void digit(uint64_t ms);

static uint64_t origin;
static volatile unsigned long sink;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t elapsed_ms(void)
{
	return (now_ns() - origin) / 1000000;
}

/* Some 20 us between two looks at the clock, so that hardly a sample falls into that. */
#define ONES(n)                                                     \
	static __attribute__((noinline)) void ones_##n(uint64_t ms) \
	{                                                           \
		while (elapsed_ms() == ms)                          \
			for (int i = 0; i < 10000; i++)             \
				sink += (unsigned long)i;           \
	}

#define CALLS(name, n, next, unit)                                    \
	static __attribute__((noinline)) void name##_##n(uint64_t ms) \
	{                                                             \
		next[ms / (unit) % 10](ms);                           \
		sink++;                                               \
	}

#define TEN(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7) DO(8) DO(9)

/* A function for each digit, and the table of them. */
#define TABLE(name)                                                                       \
	static digit *const name[10] = {name##_0, name##_1, name##_2, name##_3, name##_4, \
					name##_5, name##_6, name##_7, name##_8, name##_9};

TEN(ONES)
TABLE(ones)
#define TENS(n) CALLS(tens, n, ones, 1)
TEN(TENS)
TABLE(tens)
#define HUNDREDS(n) CALLS(hundreds, n, tens, 10)
TEN(HUNDREDS)
TABLE(hundreds)
#define THOUSANDS(n) CALLS(thousands, n, hundreds, 100)
TEN(THOUSANDS)
TABLE(thousands)

int main(int argc, char **argv)
{
	uint64_t end = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000, ms;

	getchar();
	origin = now_ns();
	while ((ms = elapsed_ms()) < end)
		thousands[ms / 1000 % 10](ms);
	return 0;
}
