// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image: from frame information and code to unwind rows, and rows as a block. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/rows.h"
#include "../lib/elf_file.h"

/* The C runtime's entry point. */
extern char _start[];

static const struct kpprof_rule rule_a = {.kind = KPPROF_RULE_CFA, .reg = 7, .off = 8};
static const struct kpprof_rule rule_b = {.kind = KPPROF_RULE_CFA, .reg = 6, .off = 16};
static const struct kpprof_rule rule_c = {.kind = KPPROF_RULE_STOP};

/* The kind at a place, or -1 when there is no row. */
static int kind_at(const struct kpprof_rows *rows, uint64_t pc)
{
	const struct kpprof_rule *r = kpprof_rows_find(rows, pc, NULL);

	return r ? r->kind : -1;
}

static uint64_t start_at(const struct kpprof_rows *rows, uint64_t pc)
{
	__u64 start = UINT64_MAX;

	assert_non_null(kpprof_rows_find(rows, pc, &start));
	return start;
}

/* Finishes a builder and maps the block. */
static void finish(struct rows_builder *b, struct buf *block, struct kpprof_rows *rows)
{
	assert_int_equal(rows_finish(b, block), 0);
	assert_int_equal(rows_map(block->data, block->len, rows), 0);
}

static void test_ranges(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;

	(void)state;
	rows_add(&b, 0x300, 0x400, &rule_b);
	rows_add(&b, 0x100, 0x200, &rule_a);
	rows_add(&b, 0x500, 0x500, &rule_a);
	rows_add(&b, 0x600, 0x500, &rule_a);
	finish(&b, &block, &rows);
	/* gap, a, gap, b, gap */
	assert_int_equal(rows.nrows, 5);
	assert_int_equal(rows.nrules, 3);
	assert_int_equal(rows.rules[0].kind, KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0xff), KPPROF_RULE_NONE);
	assert_int_equal(start_at(&rows, 0x1ff), 0x100);
	assert_int_equal(kpprof_rows_find(&rows, 0x1ff, NULL)->reg, 7);
	assert_int_equal(start_at(&rows, 0x200), 0x200);
	assert_int_equal(kind_at(&rows, 0x2ff), KPPROF_RULE_NONE);
	assert_int_equal(kpprof_rows_find(&rows, 0x300, NULL)->reg, 6);
	assert_int_equal(kind_at(&rows, 0x400), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, KPPROF_PC_MAX), KPPROF_RULE_NONE);
}

static void test_merge(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;

	(void)state;
	rows_add(&b, 0x180, 0x200, &rule_a);
	rows_add(&b, 0x100, 0x180, &rule_a);
	rows_add(&b, 0x200, 0x280, &rule_b);
	rows_add(&b, 0x280, 0x300, &rule_b);
	finish(&b, &block, &rows);
	assert_int_equal(rows.nrows, 4);
	assert_int_equal(start_at(&rows, 0x1ff), 0x100);
	assert_int_equal(start_at(&rows, 0x2ff), 0x200);
}

static void test_functions(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;

	(void)state;
	rows_add_function(&b, 0x80);
	rows_add_function(&b, 0x40);
	rows_add_function(&b, 0x80);
	rows_add_function(&b, 0x180);
	rows_add_function(&b, 0x200);
	rows_add_function(&b, 0x300);
	rows_add_function(&b, KPPROF_PC_MAX + 1);
	rows_add(&b, 0x100, 0x200, &rule_a);
	finish(&b, &block, &rows);
	/* 0, 40, 80, a, 200, 300 */
	assert_int_equal(rows.nrows, 6);
	assert_int_equal(start_at(&rows, 0x3f), 0);
	assert_int_equal(start_at(&rows, 0x7f), 0x40);
	assert_int_equal(start_at(&rows, 0xff), 0x80);
	assert_int_equal(start_at(&rows, 0x190), 0x100);
	assert_int_equal(start_at(&rows, 0x2ff), 0x200);
	assert_int_equal(start_at(&rows, 0x1000), 0x300);
}

static void test_pc_max(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;

	(void)state;
	rows_add(&b, KPPROF_PC_MAX - 1, UINT64_MAX, &rule_a);
	rows_add(&b, KPPROF_PC_MAX + 1, UINT64_MAX, &rule_b);
	rows_add(&b, 0, 0x10, &rule_c);
	finish(&b, &block, &rows);
	assert_int_equal(rows.nrows, 3);
	assert_int_equal(kind_at(&rows, 0), KPPROF_RULE_STOP);
	assert_int_equal(start_at(&rows, KPPROF_PC_MAX), KPPROF_PC_MAX - 1);
}

static void test_nothing(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;

	(void)state;
	assert_int_equal(rows_finish(&b, &block), -ENODATA);
	assert_int_equal(block.len, 0);
	rows_add_function(&b, 0x10);
	finish(&b, &block, &rows);
	assert_int_equal(rows.nrows, 2);
}

static void test_too_many_rules(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct rows_builder b = {0};
	struct kpprof_rows rows;
	struct kpprof_rule r = rule_a;

	(void)state;
	/* With NONE this is one less than too many. */
	for (uint32_t i = 0; i < KPPROF_RULES_MAX - 1; i++) {
		r.off = (int32_t)i;
		rows_add(&b, i, i + 1, &r);
	}
	finish(&b, &block, &rows);
	assert_int_equal(rows.nrules, KPPROF_RULES_MAX);
	assert_int_equal(kpprof_rows_find(&rows, 65000, NULL)->off, 65000);
	for (uint32_t i = 0; i < KPPROF_RULES_MAX; i++) {
		r.off = (int32_t)i;
		rows_add(&b, i, i + 1, &r);
	}
	buf_deinit(&block);
	assert_int_equal(rows_finish(&b, &block), -E2BIG);
	assert_int_equal(b.ranges.len, 0);
}

/* Against an array of bytes in which the first one to write a place keeps it. */
static void test_overlaps(void **state)
{
	enum { SIZE = 300, RULES = 5, ROUNDS = 300, RANGES = 40 };
	uint32_t seed = 1;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_buf_ struct buf block = {0};
		struct rows_builder b = {0};
		struct kpprof_rows rows;
		int naive[SIZE] = {0};

		for (int i = 0; i < RANGES; i++) {
			uint32_t start = (seed = seed * 1103515245 + 12345) >> 16;
			uint32_t len = (seed = seed * 1103515245 + 12345) >> 16;
			struct kpprof_rule r = rule_a;

			start %= SIZE;
			len %= 40;
			r.off = 1 + (int)(seed >> 8) % RULES;
			rows_add(&b, start, start + len, &r);
			for (uint32_t pc = start; pc < start + len && pc < SIZE; pc++)
				naive[pc] = naive[pc] ? naive[pc] : r.off;
		}
		finish(&b, &block, &rows);
		for (uint32_t pc = 0; pc < SIZE; pc++)
			assert_int_equal(kpprof_rows_find(&rows, pc, NULL)->off, naive[pc]);
		for (uint32_t i = 1; i < rows.nrows; i++)
			assert_true(!rows.index[i] || rows.index[i] != rows.index[i - 1]);
	}
}

static void test_gaps(void **state)
{
	_cleanup_buf_ struct buf gaps = {0};
	struct rows_builder b = {0};
	const struct row_gap *g;

	(void)state;
	rows_add(&b, 0x300, 0x400, &rule_b);
	rows_add(&b, 0x100, 0x200, &rule_a);
	rows_add(&b, 0x180, 0x280, &rule_c);
	rows_add(&b, 0x120, 0x130, &rule_c);
	assert_int_equal(rows_gaps(&b, &gaps), 0);
	g = (const struct row_gap *)gaps.data;
	assert_int_equal(gaps.len, 3 * sizeof(*g));
	assert_true(g[0].start == 0 && g[0].end == 0x100);
	assert_true(g[1].start == 0x280 && g[1].end == 0x300);
	assert_true(g[2].start == 0x400 && g[2].end == KPPROF_PC_MAX + 1);
	rows_builder_deinit(&b);
}

static void test_damaged_block(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	_cleanup_free_ char *copy = NULL;
	struct rows_builder b = {0};
	struct kpprof_rows rows;
	uint32_t *words;

	(void)state;
	rows_add(&b, 0x100, 0x200, &rule_a);
	rows_add(&b, 0x300, 0x400, &rule_b);
	finish(&b, &block, &rows);
	for (size_t n = 0; n < block.len; n++)
		assert_int_equal(rows_map(block.data, n, &rows), -EBADMSG);
	copy = malloc(block.len + 8);
	assert_non_null(copy);
	memcpy(copy + 1, block.data, block.len);
	assert_int_equal(rows_map(copy + 1, block.len, &rows), -EBADMSG);
	/* Magic, rows, rules, zero: none may be another. */
	for (size_t i = 0; i < 4; i++) {
		memcpy(copy, block.data, block.len);
		words = (uint32_t *)copy;
		words[i] ^= 1;
		assert_int_equal(rows_map(copy, block.len, &rows), -EBADMSG);
		words[i] = UINT32_MAX;
		assert_int_equal(rows_map(copy, block.len, &rows), -EBADMSG);
	}
	/* The first pc, behind three rules, over the second. */
	memcpy(copy, block.data, block.len);
	words[4 + 3 * 4] = 0x200;
	assert_int_equal(rows_map(copy, block.len, &rows), -EBADMSG);
}

/* ---- from files */

static int build(int fd, struct buf *block, struct kpprof_rows *rows)
{
	_cleanup_elf_ struct elf_image *img = NULL;
	int err;

	assert_int_equal(elf_image_open(fd, &img), 0);
	err = rows_build(img, block);
	if (!err)
		assert_int_equal(rows_map(block->data, block->len, rows), 0);
	return err;
}

/* Frame information, put together by hand. */
struct frames {
	uint8_t data[1024];
	size_t len;
	size_t cie;
	bool debug;
};

static void put(struct frames *f, const void *data, size_t n)
{
	assert_true(f->len + n <= sizeof(f->data));
	memcpy(f->data + f->len, data, n);
	f->len += n;
}

static void put32(struct frames *f, uint32_t v)
{
	put(f, &v, sizeof(v));
}

static size_t begin_entry(struct frames *f, uint32_t id)
{
	size_t at = f->len;

	put32(f, 0);
	put32(f, id);
	return at;
}

static void end_entry(struct frames *f, size_t at)
{
	uint32_t length = (uint32_t)(f->len - at - 4);

	memcpy(f->data + at, &length, sizeof(length));
}

/* CFA = rsp + 8, return address at CFA - 8. */
static const uint8_t initial[] = {0x0c, 7, 8, 0x90, 1};

static void put_cie(struct frames *f, const char *augmentation)
{
	static const uint8_t factors[] = {1, 0x78, 16, 1, 0x03};

	f->cie = begin_entry(f, f->debug ? 0xffffffff : 0);
	put(f, "\1", 1);
	put(f, augmentation, strlen(augmentation) + 1);
	put(f, factors, f->debug ? 3 : 5);
	put(f, initial, sizeof(initial));
	end_entry(f, f->cie);
}

static void put_fde(struct frames *f, uint32_t start, uint32_t size, const void *code, size_t n)
{
	size_t at = begin_entry(f, f->debug ? (uint32_t)f->cie : (uint32_t)(f->len + 4 - f->cie));

	put32(f, start);
	if (f->debug)
		put32(f, 0);
	put32(f, size);
	if (f->debug)
		put32(f, 0);
	else
		put(f, "", 1);
	put(f, code, n);
	end_entry(f, at);
}

#define FDE(f, start, size, ...)                               \
	do {                                                   \
		static const uint8_t code_[] = {__VA_ARGS__};  \
		put_fde(f, start, size, code_, sizeof(code_)); \
	} while (0)

/* One of everything; each function is 0x40 long, the first at CODE_AT. */
static void put_all(struct frames *f)
{
	put_cie(f, f->debug ? "" : "zR");
	/* push rbp; mov rbp: rows at 0, 1, 4; then remember, back to rsp + 8, restore */
	FDE(f, 0x1000, 0x40, 0x41, 0x0e, 16, 0x86, 2, 0x43, 0x0d, 6, 0x48, 0x0a, 0x0c, 7, 8, 0xc6,
	    0x41, 0x0b);
	/* PLT: breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus */
	FDE(f, 0x1040, 0x40, 0x0f, 11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22);
	/* DRAP: CFA = *(rbp - 8), rbp saved at rbp + 0 */
	FDE(f, 0x1080, 0x40, 0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0);
	/* OpenSSL: CFA = *(rsp + 40) + 8, rbp in another register */
	FDE(f, 0x10c0, 0x40, 0x0f, 5, 0x77, 40, 0x06, 0x23, 8, 0x09, 6, 10);
	/* return address undefined */
	FDE(f, 0x1100, 0x40, 0x07, 16);
	/* return address at CFA - 16 */
	FDE(f, 0x1140, 0x40, 0x90, 2);
	/* stack pointer elsewhere */
	FDE(f, 0x1180, 0x40, 0x87, 3);
	/* an expression beyond rows: breg7 8; dup; plus */
	FDE(f, 0x11c0, 0x40, 0x0f, 4, 0x77, 8, 0x12, 0x22);
	/* breg7 8; lit8; plus; rbp undefined */
	FDE(f, 0x1200, 0x40, 0x0f, 4, 0x77, 8, 0x38, 0x22, 0x07, 6);
}

static void expect_rule(const struct kpprof_rows *rows, uint64_t pc, struct kpprof_rule want)
{
	const struct kpprof_rule *r = kpprof_rows_find(rows, pc, NULL);

	assert_non_null(r);
	if (memcmp(r, &want, sizeof(want)) != 0)
		fail_msg("at %#llx: kind %u reg %u fp %u off %d off2 %d fp_off %d",
			 (unsigned long long)pc, r->kind, r->reg, r->fp, r->off, r->off2,
			 r->fp_off);
}

static void expect_all(const struct kpprof_rows *rows)
{
	const struct kpprof_rule unsupported = {.kind = KPPROF_RULE_UNSUPPORTED};

	expect_rule(rows, 0x1000, rule_a);
	expect_rule(rows, 0x1001, (struct kpprof_rule){2, 7, KPPROF_FP_CFA, 0, 16, 0, -16});
	expect_rule(rows, 0x1003, (struct kpprof_rule){2, 7, KPPROF_FP_CFA, 0, 16, 0, -16});
	expect_rule(rows, 0x1004, (struct kpprof_rule){2, 6, KPPROF_FP_CFA, 0, 16, 0, -16});
	expect_rule(rows, 0x100c, rule_a);
	expect_rule(rows, 0x100d, (struct kpprof_rule){2, 6, KPPROF_FP_CFA, 0, 16, 0, -16});
	expect_rule(rows, 0x103f, (struct kpprof_rule){2, 6, KPPROF_FP_CFA, 0, 16, 0, -16});
	expect_rule(rows, 0x1040, (struct kpprof_rule){KPPROF_RULE_PLT, 7, 0, 0, 8, 11, 0});
	expect_rule(rows, 0x10bf,
		    (struct kpprof_rule){KPPROF_RULE_DEREF, 6, KPPROF_FP_FP, 0, -8, 0, 0});
	expect_rule(rows, 0x10c0,
		    (struct kpprof_rule){KPPROF_RULE_DEREF, 7, KPPROF_FP_LOST, 0, 40, 8, 0});
	expect_rule(rows, 0x1100, rule_c);
	expect_rule(rows, 0x1140, unsupported);
	expect_rule(rows, 0x1180, unsupported);
	expect_rule(rows, 0x11c0, unsupported);
	expect_rule(rows, 0x1200, (struct kpprof_rule){2, 7, KPPROF_FP_LOST, 0, 16, 0, 0});
	assert_int_equal(kind_at(rows, 0xfff), KPPROF_RULE_NONE);
}

static void build_frames(enum frames_kind kind, const struct frames *f, struct buf *block,
			 struct kpprof_rows *rows)
{
	_cleanup_close_ int fd = elf_file_make(kind, "\xc3", 1, f->data, f->len, 0);

	assert_int_equal(build(fd, block, rows), 0);
}

static void test_eh_frame(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	put_all(&f);
	put_cie(&f, "zRS");
	FDE(&f, 0x1240, 0x40, 0);
	put32(&f, 0);
	build_frames(IN_EH_FRAME, &f, &block, &rows);
	expect_all(&rows);
	assert_int_equal(kind_at(&rows, 0x1240), KPPROF_RULE_SIGNAL);
	assert_int_equal(kind_at(&rows, 0x1280), KPPROF_RULE_NONE);
}

static void test_debug_frame(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct frames f = {.debug = true};
	struct kpprof_rows rows;

	(void)state;
	put_all(&f);
	build_frames(IN_DEBUG_FRAME, &f, &block, &rows);
	expect_all(&rows);
	assert_int_equal(kind_at(&rows, 0x1240), KPPROF_RULE_NONE);
}

/* Without section headers; what is behind the empty entry is not frame information any more. */
static void test_eh_frame_hdr(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	put_all(&f);
	put32(&f, 0);
	FDE(&f, 0x1400, 0x40, 0);
	build_frames(BY_EH_FRAME_HDR, &f, &block, &rows);
	expect_all(&rows);
	assert_int_equal(kind_at(&rows, 0x1400), KPPROF_RULE_NONE);
}

/* With section headers an empty entry is only skipped, first, last, and several of them. */
static void test_empty_entries(void **state)
{
	_cleanup_buf_ struct buf block = {0};
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	put32(&f, 0);
	put32(&f, 0);
	put_cie(&f, "zR");
	put32(&f, 0);
	FDE(&f, 0x1000, 0x40, 0);
	put32(&f, 0);
	put32(&f, 0);
	FDE(&f, 0x1040, 0x40, 0x0e, 16);
	put32(&f, 0);
	build_frames(IN_EH_FRAME, &f, &block, &rows);
	expect_rule(&rows, 0x1000, rule_a);
	expect_rule(&rows, 0x1040, (struct kpprof_rule){.kind = 2, .reg = 7, .off = 16});
}

/* Instructions that are cut, unknown, or huge: the range is known, its rule is not. */
static void test_damaged_frames(void **state)
{
	const struct kpprof_rule unsupported = {.kind = KPPROF_RULE_UNSUPPORTED};
	_cleanup_buf_ struct buf block = {0};
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	put_cie(&f, "zR");
	FDE(&f, 0x1000, 0x40, 0x0e);				/* no operand */
	FDE(&f, 0x1040, 0x40, 0x0f, 0x7f, 0x77);		/* block over the end */
	FDE(&f, 0x1080, 0x40, 0x0e, 0x80, 0x80);		/* number without an end */
	FDE(&f, 0x10c0, 0x40, 0x05, 0xff, 0xff, 0xff, 0x7f, 1); /* register 268435455 */
	FDE(&f, 0x1100, 0x40, 0x3f);				/* no such instruction */
	FDE(&f, 0x1140, 0x40, 0x0b);				/* restores what was not kept */
	FDE(&f, 0x1180, 0x40, 0x02);				/* cut advance */
	FDE(&f, 0x11c0, 0x40, 0x0e, 24);			/* a good one */
	FDE(&f, 0x11e0, 0x40, 0x0e, 32);			/* overlaps it */
	f.cie = 4;						/* no such CIE */
	FDE(&f, 0x1300, 0x40, 0x0e, 16);
	build_frames(IN_EH_FRAME, &f, &block, &rows);
	for (uint64_t pc = 0x1000; pc < 0x11c0; pc += 0x40)
		expect_rule(&rows, pc, unsupported);
	expect_rule(&rows, 0x11e0, (struct kpprof_rule){.kind = 2, .reg = 7, .off = 24});
	assert_int_equal(kind_at(&rows, 0x1210), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x1300), KPPROF_RULE_NONE);
}

/* What is cut anywhere gives what is before the cut, and never more. */
static void test_cut_frames(void **state)
{
	struct frames f = {0};

	(void)state;
	put_all(&f);
	for (size_t n = 0; n < f.len; n++) {
		_cleanup_close_ int fd = elf_file_make(IN_EH_FRAME, "\xc3", 1, f.data, n, 0);
		_cleanup_buf_ struct buf block = {0};
		struct kpprof_rows rows;
		int err = build(fd, &block, &rows);

		if (err)
			assert_int_equal(err, -ENODATA);
		else if (kind_at(&rows, 0x1000) != KPPROF_RULE_NONE)
			expect_rule(&rows, 0x1000, rule_a);
	}
}

/* A function of many rows, each of which makes libdw play all before it, ends in reasonable time.
 */
static void test_endless_rows(void **state)
{
	enum { N = 3 << 20 };
	_cleanup_free_ uint8_t *big = malloc(N + 256);
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = -1;
	struct frames f = {0};
	struct kpprof_rows rows;
	uint32_t length = N;

	(void)state;
	assert_non_null(big);
	put_cie(&f, "zR");
	FDE(&f, 0x1000, 0x1000, 0);
	f.len--;
	memcpy(f.data + f.len - 17, &(uint32_t){length + 13}, 4);
	memcpy(big, f.data, f.len);
	memset(big + f.len, 0x40, N);
	fd = elf_file_make(IN_EH_FRAME, "\xc3", 1, big, f.len + N, 0);
	assert_int_equal(build(fd, &block, &rows), 0);
	assert_int_equal(kind_at(&rows, 0x1000), KPPROF_RULE_UNSUPPORTED);
}

/* ---- from the code */

static void build_code(const void *code, size_t n, const struct frames *f, uint64_t entry,
		       struct buf *block, struct kpprof_rows *rows)
{
	_cleanup_close_ int fd = elf_file_make(IN_EH_FRAME, code, n, f->data, f->len, entry);

	assert_int_equal(build(fd, block, rows), 0);
}

static void test_trampolines(void **state)
{
	static const uint8_t long_one[] = {0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t short_one[] = {0xb8, 15, 0, 0, 0, 0x0f, 0x05};
	static const uint8_t other_nr[] = {0xb8, 16, 0, 0, 0, 0x0f, 0x05};
	_cleanup_buf_ struct buf block = {0};
	uint8_t code[CODE_SIZE];
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + 0x100, long_one, sizeof(long_one));
	memcpy(code + 0x200, short_one, sizeof(short_one));
	memcpy(code + 0x300, other_nr, sizeof(other_nr));
	/* Frame information wins. */
	memcpy(code + 0x410, short_one, sizeof(short_one));
	put_cie(&f, "zR");
	FDE(&f, 0x1400, 0x40, 0);
	build_code(code, sizeof(code), &f, 0, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x10fe), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x10ff), KPPROF_RULE_SIGNAL);
	assert_int_equal(kind_at(&rows, 0x1108), KPPROF_RULE_SIGNAL);
	assert_int_equal(kind_at(&rows, 0x1109), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x11ff), KPPROF_RULE_SIGNAL);
	assert_int_equal(kind_at(&rows, 0x1206), KPPROF_RULE_SIGNAL);
	assert_int_equal(kind_at(&rows, 0x1300), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x1411), KPPROF_RULE_CFA);
}

/* musl's clone: call *%r9; mov %eax,%edi; xor %eax,%eax; mov $60,%al; syscall; hlt */
static void test_thread_exit(void **state)
{
	static const uint8_t clone[] = {0x41, 0xff, 0xd1, 0x89, 0xc7, 0x31,
					0xc0, 0xb0, 60,	  0x0f, 0x05, 0xf4};
	static const uint8_t no_exit[] = {0xff, 0xd1, 0x89, 0xc7, 0x31, 0xc0, 0xb0, 61, 0x0f, 0x05};
	_cleanup_buf_ struct buf block = {0};
	uint8_t code[CODE_SIZE];
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + 0x100, clone, sizeof(clone));
	memcpy(code + 0x200, no_exit, sizeof(no_exit));
	/* Partly behind the end of the code. */
	memcpy(code + sizeof(code) - 3, clone, 3);
	build_code(code, sizeof(code), &f, 0, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x10ff), KPPROF_RULE_NONE);
	/* The return address - 1. */
	assert_int_equal(kind_at(&rows, 0x1102), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x110a), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x110b), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x1201), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x1ffe), KPPROF_RULE_NONE);
}

/* glibc's clone3: described up to the system call, and the child again; musl's: not at all. */
static void test_clone(void **state)
{
	static const uint8_t glibc[] = {0x0f, 0x05, 0x48, 0x85, 0xc0, 0x7c, 0x18, 0x74,
					0x01, 0xc3, 0x31, 0xed, 0x48, 0x83, 0xe4, 0xf0};
	static const uint8_t musl[] = {0x0f, 0x05, 0x85, 0xc0, 0x75, 0x10, 0x31, 0xed, 0x5f, 0x41,
				       0xff, 0xd1, 0x89, 0xc7, 0x31, 0xc0, 0xb0, 60,   0x0f, 0x05};
	static const uint8_t other[] = {0x0f, 0x05, 0x48, 0x85, 0xc0, 0x7c, 0x18, 0x74, 0x01, 0xc3};
	_cleanup_buf_ struct buf block = {0};
	uint8_t code[CODE_SIZE];
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code + 0x107, glibc, sizeof(glibc));
	memcpy(code + 0x207, other, sizeof(other));
	memcpy(code + 0x400, musl, sizeof(musl));
	put_cie(&f, "zR");
	FDE(&f, 0x1100, 0x07, 0);
	FDE(&f, 0x1111, 0x10, 0);
	FDE(&f, 0x1200, 0x07, 0);
	FDE(&f, 0x1211, 0x10, 0);
	build_code(code, sizeof(code), &f, 0, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x1106), KPPROF_RULE_CFA);
	assert_int_equal(kind_at(&rows, 0x1107), KPPROF_RULE_CLONE);
	assert_int_equal(kind_at(&rows, 0x1110), KPPROF_RULE_CLONE);
	assert_int_equal(kind_at(&rows, 0x1111), KPPROF_RULE_CFA);
	assert_int_equal(kind_at(&rows, 0x1209), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x13ff), KPPROF_RULE_NONE);
	assert_int_equal(kind_at(&rows, 0x1402), KPPROF_RULE_CLONE);
	assert_int_equal(kind_at(&rows, 0x1405), KPPROF_RULE_CLONE);
	assert_int_equal(kind_at(&rows, 0x1406), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x1413), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x1414), KPPROF_RULE_NONE);
}

/* call rel32 from 0x1100 and, backwards, from covered code at 0x1800, to 0x1010 and 0x1200. */
static void test_entry_and_calls(void **state)
{
	static const uint8_t near[] = {0xe8, 0x0b, 0, 0, 0};
	static const uint8_t back[] = {0xe8, 0xfb, 0xf9, 0xff, 0xff};
	_cleanup_buf_ struct buf block = {0};
	uint8_t code[CODE_SIZE];
	struct frames f = {0};
	struct kpprof_rows rows;

	(void)state;
	memset(code, 0x90, sizeof(code));
	memcpy(code, near, sizeof(near));
	memcpy(code + 0x800, back, sizeof(back));
	put_cie(&f, "zR");
	FDE(&f, 0x1800, 0x40, 0);
	build_code(code, sizeof(code), &f, CODE_AT, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x1000), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x100f), KPPROF_RULE_STOP);
	/* The function after it begins at the called address. */
	assert_int_equal(kind_at(&rows, 0x1010), KPPROF_RULE_NONE);
	assert_int_equal(start_at(&rows, 0x11ff), 0x1010);
	assert_int_equal(start_at(&rows, 0x1300), 0x1200);
	/* No function is known: 64 bytes, no more. */
	buf_deinit(&block);
	build_code(code, sizeof(code), &f, 0x1400, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x1400), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x143f), KPPROF_RULE_STOP);
	assert_int_equal(kind_at(&rows, 0x1440), KPPROF_RULE_NONE);
	/* Frame information that forgot that nothing calls the entry point. */
	buf_deinit(&block);
	build_code(code, sizeof(code), &f, 0x1800, &block, &rows);
	assert_int_equal(kind_at(&rows, 0x183f), KPPROF_RULE_STOP);
}

enum { LARGE_AT = 0x10000 };

/* The code, at LARGE_AT, begins with a function that the frames describe. */
static enum kpprof_rule_kind kind_of_rest(const uint8_t *code, size_t n)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct buf block = {0};
	struct elf_file_image image;
	struct frames f = {0};
	struct kpprof_rows rows;

	put_cie(&f, "zR");
	FDE(&f, LARGE_AT, 0x40, 0);
	fd = elf_file_make(IN_EH_FRAME, code, 0, f.data, f.len, 0);
	image = elf_file_headers(IN_EH_FRAME, f.len);
	image.ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, LARGE_AT, LARGE_AT, 0, n, n, 16};
	elf_file_put(fd, 0, &image, sizeof(image));
	elf_file_put(fd, LARGE_AT, code, n);
	assert_int_equal(build(fd, &block, &rows), 0);
	assert_int_equal(kind_at(&rows, LARGE_AT + 0x20), KPPROF_RULE_CFA);
	assert_int_equal(kind_at(&rows, LARGE_AT + n - 1), kind_at(&rows, LARGE_AT + 0x40));
	return kind_at(&rows, LARGE_AT + 0x40);
}

/* A large piece of code without rows in which frames are set up all over keeps frame pointers. */
static void test_large_gap(void **state)
{
	static const uint8_t to_rm[] = {0x55, 0x48, 0x89, 0xe5},
			     from_rm[] = {0x55, 0x48, 0x8b, 0xec};
	static uint8_t code[0x9000];

	(void)state;
	for (size_t each = 0x800; each <= 0x2000; each *= 2) {
		memset(code, 0x90, sizeof(code));
		for (size_t at = 0x100; at < sizeof(code); at += each)
			memcpy(code + at, at & each ? to_rm : from_rm, sizeof(to_rm));
		assert_int_equal(kind_of_rest(code, sizeof(code)),
				 each <= 0x1000 ? KPPROF_RULE_FP : KPPROF_RULE_NONE);
		/* Not so large */
		assert_int_equal(kind_of_rest(code, 0x3000), KPPROF_RULE_NONE);
	}
}

/* This very program: its own function is in the rows, with a rule. */
static void test_self(void **state)
{
	_cleanup_close_ int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_buf_ struct buf block = {0};
	struct kpprof_rows rows;
	uint64_t offset, vaddr;

	(void)state;
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(rows_build(img, &block), 0);
	assert_int_equal(rows_map(block.data, block.len, &rows), 0);
	assert_true(elf_vaddr_to_offset(img, img->entry, &offset));
	assert_int_equal(kind_at(&rows, offset), KPPROF_RULE_STOP);
	vaddr = img->entry + (uint64_t)((uintptr_t)test_self - (uintptr_t)_start);
	assert_true(elf_vaddr_to_offset(img, vaddr, &offset));
	expect_rule(&rows, offset, rule_a);
	assert_int_equal(start_at(&rows, offset), offset);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ranges),	      cmocka_unit_test(test_merge),
		cmocka_unit_test(test_functions),     cmocka_unit_test(test_pc_max),
		cmocka_unit_test(test_nothing),	      cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_overlaps),      cmocka_unit_test(test_gaps),
		cmocka_unit_test(test_damaged_block), cmocka_unit_test(test_eh_frame),
		cmocka_unit_test(test_debug_frame),   cmocka_unit_test(test_eh_frame_hdr),
		cmocka_unit_test(test_empty_entries), cmocka_unit_test(test_damaged_frames),
		cmocka_unit_test(test_cut_frames),    cmocka_unit_test(test_endless_rows),
		cmocka_unit_test(test_trampolines),   cmocka_unit_test(test_thread_exit),
		cmocka_unit_test(test_clone),	      cmocka_unit_test(test_entry_and_calls),
		cmocka_unit_test(test_large_gap),     cmocka_unit_test(test_self),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
