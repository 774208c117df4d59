/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One machine instruction, as far as following a value through a function needs it. */
#ifndef KPPROF_INSN_H
#define KPPROF_INSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* General registers by their number in the machine code: ax cx dx bx sp bp si di, r8 to r15. */
enum { REG_AX, REG_CX, REG_DX, REG_BX, REG_SP, REG_BP, REG_SI, REG_DI, REG_R8, REGS_N = 16 };

/* Bytes of the longest instruction. */
enum { INSN_BYTES_MAX = 15 };

enum insn_flow {
	FLOW_NEXT,
	FLOW_JUMP,   /* to @target */
	FLOW_BRANCH, /* there or on */
	FLOW_CALL,   /* direct or not */
	FLOW_RETURN,
	FLOW_INDIRECT, /* a jump whose target only the running program knows */
	FLOW_STOP,     /* does not go on: ud2, hlt, int3 */
};

/**
 * struct insn - an instruction
 * @len: bytes
 * @flow: what is executed next
 * @target: of FLOW_JUMP, FLOW_BRANCH and direct calls, from the start of this instruction; 0 for
 *	none
 * @slot: of FLOW_INDIRECT, where the address is that it jumps to, from the start of this
 *	instruction; 0 when it is not in a fixed place
 * @emulated: the kernel does not single-step this one when it is probed
 * @writes: registers that it changes, a bit for each
 * @copies: @to = @from + @add is all it does to @to
 * @stores: changes memory other than the stack's
 * @push: bytes that it takes off the stack pointer, when it adds a constant to it
 * @moves: changes the stack pointer by what only the running program knows
 */
struct insn {
	uint8_t len;
	uint8_t flow;
	int64_t target;
	int64_t slot;
	bool emulated;
	bool copies;
	bool stores;
	bool moves;
	uint8_t to;
	uint8_t from;
	uint32_t writes;
	int64_t add;
	int32_t push;
};

/**
 * insn_decode() - decode one instruction
 * @code: at least one byte; may be anything
 * @n: bytes there
 * @out: the instruction
 *
 * Return: 0, or -EILSEQ when this is no instruction, or not all of one.
 */
int insn_decode(const uint8_t *code, size_t n, struct insn *out);

#endif /* KPPROF_INSN_H */
