// SPDX-License-Identifier: GPL-2.0-only
#include "insn.h"

/*
 * Bytes of the ModRM byte at byte @i of @code, with its SIB byte and displacement: Intel SDM volume
 * 2, tables 2-2 and 2-3.
 */
static unsigned int modrm_length(__u64 code, unsigned int i)
{
	int modrm = kpprof_insn_byte(code, i);
	int mod = modrm >> 6, rm = modrm & 7;
	unsigned int n = 1;

	if (mod == 3)
		return n;
	if (rm == 4) {
		n++;
		if (mod == 0 && i + 1 < 8 && (kpprof_insn_byte(code, i + 1) & 7) == 5)
			n += 4;
	} else if (mod == 0 && rm == 5) {
		n += 4;
	}
	return n + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

unsigned int kpprof_insn_call_length(__u64 code, unsigned int i)
{
	if (kpprof_insn_byte(code, i) != 0xff || ((kpprof_insn_byte(code, i + 1) >> 3) & 7) != 2)
		return 0;
	return 1 + modrm_length(code, i + 1);
}

__u64 kpprof_insn_jump_target(__u64 code, unsigned int i, __u64 at)
{
	if (kpprof_insn_byte(code, i) == 0xe9 && i <= 3)
		return at + i + 5 + (__u64)(__s64)(__s32)(code >> (8 * (i + 1)));
	if (kpprof_insn_byte(code, i) == 0xeb && i <= 6)
		return at + i + 2 + (__u64)(__s64)(signed char)kpprof_insn_byte(code, i + 1);
	return 0;
}

bool kpprof_insn_jumps_by_pointer(__u64 code, unsigned int i)
{
	int modrm = kpprof_insn_byte(code, i + 1);

	return kpprof_insn_byte(code, i) == 0xff && (modrm == 0x25 || (modrm & 0xf8) == 0xe0);
}

/* The opcodes of one byte, an operand of which may be the register that ModRM names by reg, and
 * those that write the operand that it names by rm. */
static bool writes_reg(int op)
{
	return op == 0x03 || op == 0x0b || op == 0x23 || op == 0x2b || op == 0x33 || op == 0x63 ||
	       op == 0x8a || op == 0x8b || op == 0x8d;
}

static bool writes_rm(int op)
{
	return op == 0x01 || op == 0x09 || op == 0x21 || op == 0x29 || op == 0x31 || op == 0x88 ||
	       op == 0x89;
}

static bool only_compares(int op)
{
	return op == 0x39 || op == 0x3b || op == 0x84 || op == 0x85;
}

unsigned int kpprof_insn_plain_length(__u64 code)
{
	unsigned int rex = (kpprof_insn_byte(code, 0) & 0xf0) == 0x40;
	int prefix = rex ? kpprof_insn_byte(code, 0) : 0;
	int op = kpprof_insn_byte(code, rex), modrm = kpprof_insn_byte(code, rex + 1);

	/* mov $imm32,reg; the one with 64 bits is too long. */
	if (op >= 0xb8 && op <= 0xbf && !(prefix & 8) && (op != 0xbc || prefix & 1))
		return rex + 5;
	if (op == 0x0f && (modrm == 0xb6 || modrm == 0xb7 || modrm == 0xbe || modrm == 0xbf ||
			   modrm == 0x10 || modrm == 0x11 || modrm == 0x28 || modrm == 0x29))
		return rex + 2 + modrm_length(code, rex + 2);
	/* mov $imm32,mem */
	if (op == 0xc7 && modrm >> 6 != 3)
		return rex + 1 + modrm_length(code, rex + 1) + 4;
	/* The stack pointer is register 4, and 12 is another one. */
	if (writes_reg(op) && ((modrm >> 3) & 7) == 4 && !(prefix & 4))
		return 0;
	if (writes_rm(op) && (modrm & 0xc7) == 0xc4 && !(prefix & 1))
		return 0;
	if (writes_reg(op) || writes_rm(op) || only_compares(op))
		return rex + 1 + modrm_length(code, rex + 1);
	return 0;
}
