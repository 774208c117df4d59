// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A shared object whose code really runs: a stack of ten frames under run(), of functions that bear
 * the number of the IMAGE that it is compiled as, so that each has names, rows and pages of its
 * own. UNUSED functions that nobody calls, of three unwind rows each, stand before them.
 */
#include "work.h"

#ifndef UNUSED
#define UNUSED 0
#endif
#define TEXT_OF(number)	  #number
#define NUMBER_OF(number) TEXT_OF(number)

__asm__(".text\n"
	".rept " NUMBER_OF(UNUSED) "\n"
				   ".cfi_startproc\n"
				   "push %rbx\n"
				   ".cfi_def_cfa_offset 16\n"
				   ".cfi_offset %rbx, -16\n"
				   "nop\n"
				   "pop %rbx\n"
				   ".cfi_def_cfa_offset 8\n"
				   "ret\n"
				   ".cfi_endproc\n"
				   ".endr\n");

#define PASTE(name, number) name##_##number
#define NAMED(name, number) PASTE(name, number)
#define OWN(name)	    NAMED(name, IMAGE)

static volatile unsigned long sink;

static __attribute__((noinline)) unsigned long OWN(leaf)(unsigned long rounds)
{
	return work(rounds);
}

/* Frames of different sizes, and no tail calls. */
#define FRAME(name, next, words)                                                  \
	static __attribute__((noinline)) unsigned long OWN(name)(unsigned long n) \
	{                                                                         \
		volatile unsigned long room[words];                               \
		unsigned long got;                                                \
                                                                                  \
		room[0] = n;                                                      \
		got = OWN(next)(n);                                               \
		sink += room[0];                                                  \
		return got + n;                                                   \
	}

FRAME(frame0, leaf, 2)
FRAME(frame1, frame0, 4)
FRAME(frame2, frame1, 7)
FRAME(frame3, frame2, 1)
FRAME(frame4, frame3, 12)
FRAME(frame5, frame4, 3)
FRAME(frame6, frame5, 9)
FRAME(frame7, frame6, 5)

unsigned long run(unsigned long rounds);

unsigned long run(unsigned long rounds)
{
	unsigned long got = OWN(frame7)(rounds);

	sink += got;
	return got;
}
