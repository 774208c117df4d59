// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * deep MILLISECONDS: a stack of thirty frames, of thirty functions, under a leaf that counts. Waits
 * for a line on its input, then works for as many rounds as a calibrated machine does in that time
 * (work.h), and prints "cpu_ns=N", what that took of the CPU. The same number of rounds each time:
 * what is more is the sampling's.
 */
#include <stdio.h>
#include <stdlib.h>

#include "work.h"

static volatile unsigned long sink;

static __attribute__((noinline)) unsigned long leaf(unsigned long rounds)
{
	return work(rounds);
}

/* Frames of different sizes, with registers to save, and no tail calls. */
#define FRAME(name, next, words)                                                              \
	static __attribute__((noinline)) unsigned long name(unsigned long n, unsigned long a, \
							    unsigned long b)                  \
	{                                                                                     \
		volatile unsigned long room[words];                                           \
		unsigned long got;                                                            \
                                                                                              \
		room[0] = a ^ b;                                                              \
		got = next(n, a + 1, b + 2);                                                  \
		sink += room[0];                                                              \
		return got + a * b + n;                                                       \
	}

static __attribute__((noinline)) unsigned long frame0(unsigned long n, unsigned long a,
						      unsigned long b)
{
	sink += a;
	return leaf(n) + b;
}
FRAME(frame1, frame0, 2)
FRAME(frame2, frame1, 4)
FRAME(frame3, frame2, 7)
FRAME(frame4, frame3, 1)
FRAME(frame5, frame4, 12)
FRAME(frame6, frame5, 3)
FRAME(frame7, frame6, 9)
FRAME(frame8, frame7, 2)
FRAME(frame9, frame8, 5)
FRAME(frame10, frame9, 2)
FRAME(frame11, frame10, 16)
FRAME(frame12, frame11, 4)
FRAME(frame13, frame12, 7)
FRAME(frame14, frame13, 1)
FRAME(frame15, frame14, 12)
FRAME(frame16, frame15, 3)
FRAME(frame17, frame16, 9)
FRAME(frame18, frame17, 2)
FRAME(frame19, frame18, 5)
FRAME(frame20, frame19, 2)
FRAME(frame21, frame20, 4)
FRAME(frame22, frame21, 7)
FRAME(frame23, frame22, 1)
FRAME(frame24, frame23, 12)

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) * WORK_ROUNDS_PER_MS : 0;
	long from;

	getchar();
	from = work_cpu_ns();
	sink += frame24(rounds, 1, 2);
	printf("cpu_ns=%ld\n", work_cpu_ns() - from);
	return 0;
}
