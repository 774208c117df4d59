// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/printk.h>

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

	EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 2);
	EXPECT(w.end == KPPROF_END_COMPLETE && out[0] == BASE + 0x110 && out[1] == BASE + 0x24f);
	EXPECT(kpprof_walk(&w, out, 1) == 1 && w.end == KPPROF_END_TOO_DEEP);
	map.flags = KPPROF_MAP_PENDING;
	EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 1 && w.end == KPPROF_END_PENDING);
	w.nmaps = 0;
	EXPECT(kpprof_walk(&w, out, ARRAY_SIZE(out)) == 1 && w.end == KPPROF_END_NO_MAPPING);
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
		pr_info("self-tests passed\n");
	return err;
}
