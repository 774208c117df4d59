/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The stack walker: one step per frame over unwind rows, frame pointers where there are no rows,
 * and a bounded search for a return address where there is neither.
 *
 * The same file is compiled into the kernel module and into the agent. It allocates nothing, takes
 * no lock and trusts nothing: rows are searched within their bounds, memory is read through a
 * callback that may fail, and each loop has a limit. May run in any context in which the callback
 * may.
 */
#ifndef KPPROF_WALK_H
#define KPPROF_WALK_H

#include "rows.h"

/* DWARF register numbers of x86-64 that the walker knows by name. */
#define KPPROF_REG_AX 0
#define KPPROF_REG_BX 3
#define KPPROF_REG_FP 6
#define KPPROF_REG_SP 7
#define KPPROF_NREGS  16

/* How far a guess looks for a return address, in words of the stack. */
#define KPPROF_GUESS_WORDS 512

/* The rows of this mapping are on their way: the walk ends with KPPROF_END_PENDING. */
#define KPPROF_MAP_PENDING 1u

/**
 * struct kpprof_map - one executable mapping of an address space
 * @start: first address
 * @end: first address after it
 * @offset: file offset of @start
 * @rows: the image's rows, or NULL when there are none
 * @flags: KPPROF_MAP_*
 */
struct kpprof_map {
	__u64 start;
	__u64 end;
	__u64 offset;
	const struct kpprof_rows *rows;
	__u32 flags;
};

/*
 * Each way in which a walk can end: KPPROF_END(name, text). The text stands in the frame that ends
 * a truncated stack, `[truncated: text]`, and in the profile's comments; the first two are whole
 * stacks.
 */
#define KPPROF_ENDS(KPPROF_END)                            \
	KPPROF_END(COMPLETE, "complete")                   \
	KPPROF_END(PENDING, "rows not loaded yet")         \
	KPPROF_END(NO_MAPPING, "no mapping")               \
	KPPROF_END(NO_ROWS, "no unwind rows")              \
	KPPROF_END(UNSUPPORTED, "unsupported unwind rule") \
	KPPROF_END(SWITCH, "stack switch")                 \
	KPPROF_END(UNREADABLE, "unreadable stack")         \
	KPPROF_END(NOT_DUMPED, "stack beyond the dump")    \
	KPPROF_END(NO_PROGRESS, "stack does not grow")     \
	KPPROF_END(TOO_DEEP, "too deep")                   \
	KPPROF_END(ABI, "32-bit code")                     \
	KPPROF_END(NO_REGS, "no user registers")           \
	KPPROF_END(NO_FP, "frame pointer not known")

enum kpprof_end {
#define KPPROF_END(name, text) KPPROF_END_##name,
	KPPROF_ENDS(KPPROF_END)
#undef KPPROF_END
		KPPROF_ENDS_N
};

/*
 * Entries of a memo, each a word: an address that was walked through, and the number of its rule.
 * Programs are in the same few hundred places most of the time.
 */
#define KPPROF_MEMO_BITS 9
#define KPPROF_MEMO_SIZE (1u << KPPROF_MEMO_BITS)

/**
 * struct kpprof_walk - one walk: what it starts from, and how it ended
 * @maps: executable mappings, sorted by start, not overlapping
 * @nmaps: how many
 * @ip: user instruction pointer
 * @regs: user registers by DWARF number; [6] is the frame pointer, [7] the stack pointer
 * @only_sp: not 0 when the stack pointer is the only one of @regs that is known
 * @read: reads the 8 bytes at user address @addr, code or stack, at any alignment; 0, -EFAULT when
 *	there is nothing to be read there, or -ENODATA when there is but it was not captured; in the
 *	kernel NULL for the current thread's memory, with page faults disabled
 * @ctx: for @read
 * @memo: KPPROF_MEMO_SIZE words, zero at first, in which walks remember the rules of places in
 *	@maps; several may at a time. Whoever changes @maps zeroes it. NULL for none: slower
 * @end: out: why the walk stopped
 * @end_map: out: index of the mapping whose rows are awaited, for KPPROF_END_PENDING
 * @guesses: out: frames that were found by searching for a return address
 * @peeks: out: reads that were spent on guessing
 * @depth: out: bytes of stack between the first sp and the last CFA
 */
struct kpprof_walk {
	const struct kpprof_map *maps;
	__u32 nmaps;
	__u64 ip;
	__u64 regs[KPPROF_NREGS];
	__u32 only_sp;
	int (*read)(void *ctx, __u64 addr, __u64 *val);
	void *ctx;
	__u64 *memo;

	enum kpprof_end end;
	__u32 end_map;
	__u32 guesses;
	__u32 peeks;
	__u64 depth;

	/* private: */
	__u64 first_sp;
};

/**
 * kpprof_walk() - walk a user stack
 * @w: the walk; the fields marked out are set
 * @pcs: out: the frames, leaf first. Each lies inside the instruction that was executing: the leaf
 *and frames interrupted by a signal as they are, callers as return address - 1.
 * @max: room in @pcs, at least 1
 *
 * Context: any in which @w->read may be called. Takes no lock.
 * Return: the number of frames, at least 1 unless @max is 0.
 */
unsigned int kpprof_walk(struct kpprof_walk *w, __u64 *pcs, unsigned int max);

#endif /* KPPROF_WALK_H */
