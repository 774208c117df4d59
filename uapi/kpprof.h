/* SPDX-License-Identifier: (GPL-2.0-only WITH Linux-syscall-note) OR MIT */
/*
 * kpprof: the contract between the kernel and user space.
 *
 * Unwind rows
 * ===========
 *
 * An *image* is an ELF file whose code is mapped into a process. Its call frame information
 * (.eh_frame or .debug_frame) is turned in user space into *unwind rows*: a table, sorted by pc,
 * that says for each range of code how to find the caller's frame. Many rows share few *rules*.
 *
 *   pcs[i]     the first byte that row i covers, as an offset in the *file*; row i ends where row
 * i+1 begins. File offsets need no program headers: for a mapping that starts at `start` and shows
 * the file from `offset`, address a is file offset a - start + offset. index[i]   the rule of row
 * i, an index into rules[]. rules[0]   always KPPROF_RULE_NONE: code that no unwind information
 * describes. A NONE row begins at each gap, and again at each function start that is known inside
 * the gap, so that a walker which must guess knows at least which function it stands in.
 *
 * Limits: KPPROF_ROWS_MAX rows and KPPROF_RULES_MAX rules an image; code beyond the first 4 GiB of
 * a file has no rows.
 *
 * Registers are named by their number in the DWARF mapping of the architecture.
 */
#ifndef _UAPI_KPPROF_H
#define _UAPI_KPPROF_H

#include <linux/types.h>

#define KPPROF_ROWS_MAX	 (16u << 20)
#define KPPROF_RULES_MAX 65535u

/* Limits of the file offset part of the row format: see pcs[] above. */
#define KPPROF_PC_MAX 0xffffffffull

/**
 * enum kpprof_rule_kind - how the canonical frame address (CFA) of a row is found
 * @KPPROF_RULE_NONE: no unwind information; the walker may follow frame pointers or guess
 * @KPPROF_RULE_STOP: the outermost frame (its return address is undefined): the walk is complete
 * @KPPROF_RULE_CFA: CFA = reg + off
 * @KPPROF_RULE_DEREF: CFA = *(reg + off) + off2; realigned stacks and hand-written assembly
 * @KPPROF_RULE_PLT: CFA = sp + off, and 8 more from byte off2 of each 16-byte PLT entry on
 * @KPPROF_RULE_SIGNAL: a signal trampoline: all registers are restored from the frame at sp
 * @KPPROF_RULE_SWITCH: the code switches stacks; what called it is on another one
 * @KPPROF_RULE_UNSUPPORTED: there is unwind information, of a form that rows cannot express
 */
enum kpprof_rule_kind {
	KPPROF_RULE_NONE = 0,
	KPPROF_RULE_STOP = 1,
	KPPROF_RULE_CFA = 2,
	KPPROF_RULE_DEREF = 3,
	KPPROF_RULE_PLT = 4,
	KPPROF_RULE_SIGNAL = 5,
	KPPROF_RULE_SWITCH = 6,
	KPPROF_RULE_UNSUPPORTED = 7,
	__KPPROF_RULE_KINDS
};

/**
 * enum kpprof_fp_kind - where the caller's frame pointer is
 * @KPPROF_FP_SAME: still in the register
 * @KPPROF_FP_CFA: saved at CFA + fp_off
 * @KPPROF_FP_FP: saved at fp + fp_off (realigned stacks)
 * @KPPROF_FP_LOST: not recoverable
 */
enum kpprof_fp_kind {
	KPPROF_FP_SAME = 0,
	KPPROF_FP_CFA = 1,
	KPPROF_FP_FP = 2,
	KPPROF_FP_LOST = 3,
	__KPPROF_FP_KINDS
};

/**
 * struct kpprof_rule - how to step out of one frame
 * @kind: enum kpprof_rule_kind
 * @reg: the register that the CFA is computed from: sp and fp are known in every frame, the others
 *only in the frame that was interrupted
 * @fp: enum kpprof_fp_kind
 * @flags: zero
 * @off: bytes
 * @off2: bytes; zero unless the kind names it
 * @fp_off: bytes; zero unless @fp uses it
 *
 * The return address is at CFA - 8 (x86-64). Fields that a kind does not use are zero, so that
 *equal rules are equal bytes.
 */
struct kpprof_rule {
	__u8 kind;
	__u8 reg;
	__u8 fp;
	__u8 flags;
	__s32 off;
	__s32 off2;
	__s32 fp_off;
};

#endif /* _UAPI_KPPROF_H */
