// SPDX-License-Identifier: GPL-2.0-only
#include <linux/string.h>

#include "prologue.h"

/* Bytes of a ModRM byte with its SIB byte and displacement: Intel SDM volume 2, table 2-2. */
static unsigned int modrm_length(const u8 *p, unsigned int n)
{
	unsigned int mod = p[0] >> 6, rm = p[0] & 7, len = 1;

	if (mod == 3)
		return len;
	if (rm == 4) {
		if (n < 2)
			return n + 1;
		len++;
		if (mod == 0 && (p[1] & 7) == 5)
			len += 4;
	} else if (mod == 0 && rm == 5) {
		len += 4;
	}
	return len + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
}

/* Opcodes of one byte with a ModRM byte and nothing behind it: arithmetic, test, mov, movslq, lea.
 */
static bool is_plain(u8 op)
{
	return (op < 0x40 && (op & 7) < 4) || (op >= 0x84 && op <= 0x8b) || op == 0x63 ||
	       op == 0x8d;
}

/* Bytes of the immediate operand behind the ModRM byte; -1 for an opcode that is not known. */
static int immediate(u8 op)
{
	if (is_plain(op))
		return 0;
	switch (op) {
	case 0x80: /* arithmetic with 8 bits */
	case 0x83:
	case 0xc0: /* shifts */
	case 0xc1:
	case 0xc6: /* mov */
	case 0x6b: /* imul */
		return 1;
	case 0x81:
	case 0xc7:
	case 0x69:
		return 4;
	}
	return -1;
}

/* Opcodes behind 0f that have a ModRM byte alone: movzx, movsx, moves of 16 bytes, cmov, nop. */
static bool is_plain_0f(u8 op)
{
	return (op >= 0xb6 && op <= 0xb7) || (op >= 0xbe && op <= 0xbf) || op == 0x10 ||
	       op == 0x11 || op == 0x28 || op == 0x29 || op == 0x57 || op == 0xef || op == 0x1f ||
	       (op >= 0x40 && op <= 0x4f);
}

/* Bytes of an instruction, 0 for one that is not known; may be more than @n. */
static unsigned int length(const u8 *p, unsigned int n)
{
	unsigned int i = 0;
	int imm;

	if (n >= 4 && !memcmp(p, "\xf3\x0f\x1e\xfa", 4))
		return 4;
	/* The segment of threads, and 16 bits of moves that have no immediate operand. */
	if (p[i] == 0x64 || (p[i] == 0x66 && n > 1 && p[1] == 0x0f))
		i++;
	if (i < n && (p[i] & 0xf0) == 0x40)
		i++;
	if (i + 1 >= n)
		return i < n && p[i] >= 0x50 && p[i] <= 0x57 ? i + 1 : 0;
	if (p[i] >= 0x50 && p[i] <= 0x57)
		return i + 1;
	/* mov $imm32, %reg; with REX.W it has 64 bits */
	if (p[i] >= 0xb8 && p[i] <= 0xbf)
		return i + (i && p[i - 1] >= 0x48 && p[i - 1] <= 0x4f ? 9 : 5);
	if (p[i] == 0x0f)
		return i + 2 < n && is_plain_0f(p[i + 1])
			       ? i + 2 + modrm_length(p + i + 2, n - i - 2)
			       : 0;
	imm = immediate(p[i]);
	return imm < 0 ? 0 : i + 1 + modrm_length(p + i + 1, n - i - 1) + imm;
}

bool kpprof_prologue_fits(const u8 *code, unsigned int n, unsigned int at)
{
	unsigned int i = 0, len;

	while (i < at) {
		len = length(code + i, n - i);
		if (!len)
			return false;
		i += len;
	}
	return i == at;
}
