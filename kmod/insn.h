/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The few instructions of x86-64 that the walker looks at, each within 8 bytes of code that were
 * read as one little-endian word. Compiled into the module and the agent, like the walker; pure, so
 * they may be called in any context.
 */
#ifndef KPPROF_INSN_H
#define KPPROF_INSN_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stdbool.h>
#endif

/** kpprof_insn_byte() - byte @i, 0 to 7, of @code */
static inline int kpprof_insn_byte(__u64 code, unsigned int i)
{
	return (int)((code >> (8 * i)) & 0xff);
}

/** kpprof_insn_sets_fp() - whether `mov %rsp,%rbp`, in one of its two forms, is at byte @i, 0 to 5
 */
static inline bool kpprof_insn_sets_fp(__u64 code, unsigned int i)
{
	__u64 insn = code >> (8 * i) & 0xffffff;

	return insn == 0xe58948 || insn == 0xec8b48;
}

/** kpprof_insn_call_length() - bytes of an indirect near call (ff /2) that starts at byte @i, 0 to
 * 6; 0 for anything else */
unsigned int kpprof_insn_call_length(__u64 code, unsigned int i);

/** kpprof_insn_jump_target() - where a jump at byte @i, 0 to 6, of @code, which stands at @at,
 * leads; 0 for no such jump */
__u64 kpprof_insn_jump_target(__u64 code, unsigned int i, __u64 at);

/** kpprof_insn_jumps_by_pointer() - whether jmp *reg or jmp *mem(%rip) is at byte @i, 0 to 6: tail
 * calls through a pointer, and the entries of a PLT */
bool kpprof_insn_jumps_by_pointer(__u64 code, unsigned int i);

/**
 * kpprof_insn_plain_length() - bytes of an instruction that leaves the stack pointer alone
 * @code: it begins with it
 *
 * Return: 0 for all but those that compilers mix into a prologue: moves, lea, and arithmetic
 * between registers.
 */
unsigned int kpprof_insn_plain_length(__u64 code);

#endif /* KPPROF_INSN_H */
