// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>

#include "heap_parts.h"
#include "prologue.h"
#include "selftest.h"
#include "walk.h"

#define EXPECT(condition)                                             \
	do {                                                          \
		if (!(condition)) {                                   \
			pr_err("self-test failed: %s\n", #condition); \
			return -EINVAL;                               \
		}                                                     \
	} while (0)

/* A function at 0x100 that keeps 16 bytes of locals, and one at 0x200 that is the outermost. */
static const u32 pcs[] = {0x0, 0x100, 0x104, 0x200, 0x300};
static const u16 row_rule[] = {0, 1, 2, 3, 0};
static const struct kpprof_rule rules[] = {
	{.kind = KPPROF_RULE_NONE},
	{.kind = KPPROF_RULE_CFA, .reg = KPPROF_REG_SP, .off = 8},
	{.kind = KPPROF_RULE_CFA, .reg = KPPROF_REG_SP, .off = 24},
	{.kind = KPPROF_RULE_STOP},
};

static const struct kpprof_rows rows = {
	.nrows = ARRAY_SIZE(pcs),
	.nrules = ARRAY_SIZE(rules),
	.pcs = pcs,
	.index = row_rule,
	.rules = rules,
};

static int test_find(void)
{
	u64 start;

	EXPECT(kpprof_rows_find(&rows, 0x100, &start) == &rules[1] && start == 0x100);
	EXPECT(kpprof_rows_find(&rows, 0x103, &start) == &rules[1] && start == 0x100);
	EXPECT(kpprof_rows_find(&rows, 0x1ff, &start) == &rules[2] && start == 0x104);
	EXPECT(kpprof_rows_find(&rows, ~0ull, &start) == &rules[0] && start == 0x300);
	return 0;
}

static int test_check(void)
{
	static const u32 unsorted[] = {0x0, 0x100, 0x100};
	static const u16 beyond[] = {0, 1, 4};
	struct kpprof_rows bad = rows;

	EXPECT(!kpprof_rows_check(&rows));
	bad.nrows = ARRAY_SIZE(unsorted);
	bad.pcs = unsorted;
	EXPECT(kpprof_rows_check(&bad) == -EINVAL);
	bad.pcs = pcs;
	bad.index = beyond;
	EXPECT(kpprof_rows_check(&bad) == -EINVAL);
	bad.index = row_rule;
	bad.nrows = 0;
	EXPECT(kpprof_rows_check(&bad) == -EINVAL);
	return 0;
}

#define BASE  0x400000ull
#define STACK 0x7000ull

static int read_stack(void *ctx, __u64 addr, __u64 *val)
{
	const u64 *words = ctx;
	u64 at = (addr - STACK) / sizeof(u64);

	if (addr < STACK || at >= 3)
		return -EFAULT;
	*val = words[at];
	return 0;
}

static int test_walk(void)
{
	static u64 memo[KPPROF_MEMO_SIZE];
	/* two locals, and the return address into the outermost function */
	u64 words[3] = {1, 2, BASE + 0x250};
	struct kpprof_map map = {.start = BASE, .end = BASE + 0x1000, .rows = &rows};
	struct kpprof_walk w = {
		.maps = &map,
		.nmaps = 1,
		.ip = BASE + 0x110,
		.regs[KPPROF_REG_SP] = STACK,
		.read = read_stack,
		.ctx = words,
	};
	u64 out[4];
	int i;

	/* Without a memo, with an empty one, and with one that knows. */
	for (i = 0; i < 3; i++, w.memo = memo) {
		EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 2);
		EXPECT(w.end == KPPROF_END_COMPLETE && out[0] == BASE + 0x110 &&
		       out[1] == BASE + 0x24f);
	}
	EXPECT(kpprof_walk(&w, out, 1) == 1 && w.end == KPPROF_END_TOO_DEEP);
	map.flags = KPPROF_MAP_PENDING;
	EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 1 && w.end == KPPROF_END_PENDING);
	w.nmaps = 0;
	EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 1 && w.end == KPPROF_END_NO_MAPPING);
	return 0;
}

/* Beginnings of malloc and free in libraries; a probe fits at their end, and at no other byte. */
static const struct {
	u8 code[40];
	u8 ends[8];
} prologues[] = {
	/* test %rdi,%rdi */
	{{0x48, 0x85, 0xff, 0x0f}, {3}},
	/* endbr64; push %r12; push %rbx */
	{{0xf3, 0x0f, 0x1e, 0xfa, 0x41, 0x54, 0x53, 0x90}, {4, 6, 7}},
	/* cmpb $0,mem(%rip); cmp $0x1000,%rdi */
	{{0x80, 0x3d, 1, 2, 3, 4, 0, 0x48, 0x81, 0xff, 0, 0x10, 0, 0, 0x0f}, {7, 14}},
	/* lea -1(%rsi),%rax; or $7,%rax; mov %fs:(%rdi),%rax; mov 8(%rsp),%rdx */
	{{0x48, 0x8d, 0x46, 0xff, 0x48, 0x83, 0xc8, 7, 0x64, 0x48, 0x8b, 0x07, 0x48, 0x8b, 0x54,
	  0x24, 8, 0x74},
	 {4, 8, 12, 17}},
	/* movabs; mov $imm32,%eax; shr $26,%rcx */
	{{0x48, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 0xb8, 1, 2, 3, 4, 0x48, 0xc1, 0xe9, 26, 0x74},
	 {10, 15, 19}},
	/* movzbl (%rax,%rbx),%ecx; an instruction that is not known */
	{{0x0f, 0xb6, 0x0c, 0x18, 0xc5, 0xf8, 0x77, 0x90}, {4}},
};

static bool is_end(const u8 *ends, unsigned int at)
{
	return !at || memchr(ends, at, sizeof(prologues[0].ends));
}

static int test_prologue(void)
{
	unsigned int i, at, most;

	for (i = 0; i < ARRAY_SIZE(prologues); i++) {
		const u8 *ends = prologues[i].ends;

		most = max3(ends[0], ends[1], max(ends[2], ends[3]));
		for (at = 0; at <= most; at++)
			EXPECT(kpprof_prologue_fits(prologues[i].code, sizeof(prologues[i].code),
						    at) == is_end(ends, at));
	}
	EXPECT(!kpprof_prologue_fits(prologues[5].code, sizeof(prologues[5].code), 7));
	return 0;
}

/* 4096 distances: their mean has a standard error of 1/64. */
static int test_gap(void)
{
	const u64 rate = 65536, n = 4096;
	u64 sum = 0, above = 0, i;
	s64 gap;

	for (i = 0; i < n; i++) {
		gap = kpprof_heap_gap(rate);
		EXPECT(gap >= 1 && gap <= 33 * rate);
		sum += gap;
		above += gap > rate;
	}
	EXPECT(sum > n * rate * 9 / 10 && sum < n * rate * 11 / 10);
	/* exp(-1) of them are more than the mean: 1507 */
	EXPECT(above > 1300 && above < 1710);
	EXPECT(kpprof_heap_gap(1) <= 33);
	return 0;
}

int kpprof_selftest(void)
{
	int err = test_find();

	if (!err)
		err = test_check();
	if (!err)
		err = test_walk();
	if (!err)
		err = test_prologue();
	if (!err)
		err = test_gap();
	if (!err)
		pr_info("self-tests passed\n");
	return err;
}
