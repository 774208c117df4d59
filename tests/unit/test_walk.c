// SPDX-License-Identifier: GPL-2.0-or-later
/* The walker over a made-up address space: one code mapping, one stack, rows by hand. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../kmod/walk.h"

#define CODE	    0x400000ull
#define CODE_SIZE   0x4000ull
#define CODE_OFFSET 0x1000ull
#define STACK	    0x7fff0000ull
#define STACK_WORDS 600u

struct space {
	unsigned char code[CODE_SIZE];
	uint64_t stack[STACK_WORDS];
	uint64_t dumped; /* words that can be read */
	struct kpprof_map map;
	struct kpprof_rows rows;
	uint32_t pcs[16];
	uint16_t index[16];
	struct kpprof_rule rules[16];
};

static int space_read(void *ctx, __u64 addr, __u64 *val)
{
	const struct space *s = ctx;

	if (addr >= CODE && addr - CODE + 8 <= CODE_SIZE) {
		memcpy(val, s->code + (addr - CODE), 8);
		return 0;
	}
	if (addr >= STACK && addr - STACK + 8 <= s->dumped * 8) {
		memcpy(val, (const char *)s->stack + (addr - STACK), 8);
		return 0;
	}
	return addr >= STACK && addr - STACK < sizeof(s->stack) ? -ENODATA : -EFAULT;
}

static void space_init(struct space *s)
{
	memset(s, 0, sizeof(*s));
	memset(s->code, 0x90, sizeof(s->code));
	s->dumped = STACK_WORDS;
	s->map = (struct kpprof_map){
		.start = CODE, .end = CODE + CODE_SIZE, .offset = CODE_OFFSET, .rows = &s->rows};
	s->rows = (struct kpprof_rows){
		.pcs = s->pcs, .index = s->index, .rules = s->rules, .nrules = 1};
}

/* Code from address @from on follows @rule, which becomes a rule of its own. */
static void row(struct space *s, uint64_t from, struct kpprof_rule rule)
{
	uint32_t i = s->rows.nrows++;

	s->pcs[i] = (uint32_t)(from - CODE + CODE_OFFSET);
	if (rule.kind == KPPROF_RULE_NONE) {
		s->index[i] = 0;
		return;
	}
	s->index[i] = (uint16_t)s->rows.nrules;
	s->rules[s->rows.nrules++] = rule;
}

static void call_direct(struct space *s, uint64_t ra, uint64_t to)
{
	int32_t rel = (int32_t)(to - ra);

	s->code[ra - CODE - 5] = 0xe8;
	memcpy(&s->code[ra - CODE - 4], &rel, 4);
}

static void call_rax(struct space *s, uint64_t ra)
{
	s->code[ra - CODE - 2] = 0xff;
	s->code[ra - CODE - 1] = 0xd0;
}

static struct kpprof_rule cfa(uint8_t reg, int32_t off)
{
	return (struct kpprof_rule){.kind = KPPROF_RULE_CFA, .reg = reg, .off = off};
}

static const struct kpprof_rule stop = {.kind = KPPROF_RULE_STOP};
static const struct kpprof_rule none = {.kind = KPPROF_RULE_NONE};

static struct kpprof_walk walk_from(struct space *s, uint64_t ip, uint64_t sp, uint64_t fp)
{
	struct kpprof_walk w = {
		.maps = &s->map, .nmaps = 1, .ip = ip, .read = space_read, .ctx = s};

	w.regs[KPPROF_REG_SP] = sp;
	w.regs[KPPROF_REG_FP] = fp;
	return w;
}

/* A walk, and whether it finds the same with a memo, at first and once that is filled. */
static unsigned int checked_walk(struct kpprof_walk *w, __u64 *pcs, unsigned int max)
{
	__u64 memo[KPPROF_MEMO_SIZE] = {0}, again[256];
	const struct kpprof_walk from = *w;
	unsigned int n = kpprof_walk(w, pcs, max);

	assert_true(max <= 256);
	for (int i = 0; i < 2; i++) {
		struct kpprof_walk r = from;

		r.memo = memo;
		assert_int_equal(kpprof_walk(&r, again, max), n);
		assert_memory_equal(again, pcs, n * sizeof(*pcs));
		assert_int_equal(r.end, w->end);
		assert_int_equal(r.guesses, w->guesses);
		assert_int_equal(r.depth, w->depth);
	}
	return n;
}

static void test_cfa_chain(void **state)
{
	static struct space s;
	struct kpprof_rule saves_fp = cfa(KPPROF_REG_SP, 24);
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	saves_fp.fp = KPPROF_FP_CFA;
	saves_fp.fp_off = -16;
	row(&s, CODE + 0x000, saves_fp);
	row(&s, CODE + 0x100, cfa(KPPROF_REG_FP, 16));
	row(&s, CODE + 0x200, stop);
	s.stack[1] = STACK + 8 * 10; /* saved fp, at CFA - 16 */
	s.stack[2] = CODE + 0x110;   /* at CFA - 8 */
	s.stack[11] = CODE + 0x210;  /* fp + 8 */
	w = walk_from(&s, CODE + 0x10, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 3);
	assert_int_equal(pcs[0], CODE + 0x10);
	assert_int_equal(pcs[1], CODE + 0x110 - 1);
	assert_int_equal(pcs[2], CODE + 0x210 - 1);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(w.guesses, 0);
	assert_int_equal(w.depth, 8 * 12);
}

/*
 * The shape of the dynamic linker's trampoline: a CFA at rbx + 16, below which two functions were
 * called, of which the inner one saved rbx, or not, or did so in a way that is not known.
 */
static enum kpprof_end walk_trampoline(uint8_t inner_bx, uint64_t leaf_rbx, unsigned int *depth)
{
	static struct space s;
	struct kpprof_rule inner = cfa(KPPROF_REG_SP, 24);
	struct kpprof_walk w;
	__u64 pcs[8];

	space_init(&s);
	inner.bx = inner_bx;
	row(&s, CODE + 0x000, inner);
	row(&s, CODE + 0x100, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x200, cfa(KPPROF_REG_BX, 16));
	row(&s, CODE + 0x300, stop);
	s.stack[1] = STACK + 8 * 20; /* rbx of the caller, at CFA - 16 */
	s.stack[2] = CODE + 0x110;
	s.stack[3] = CODE + 0x210;
	s.stack[21] = CODE + 0x310; /* rbx + 8 */
	w = walk_from(&s, CODE + 0x10, STACK, 0);
	w.regs[KPPROF_REG_BX] = leaf_rbx;
	*depth = checked_walk(&w, pcs, 8);
	return w.end;
}

static void test_cfa_from_rbx(void **state)
{
	unsigned int depth;

	(void)state;
	assert_int_equal(walk_trampoline(2, 0, &depth), KPPROF_END_COMPLETE);
	assert_int_equal(depth, 4);
	assert_int_equal(walk_trampoline(0, STACK + 8 * 20, &depth), KPPROF_END_COMPLETE);
	assert_int_equal(depth, 4);
	assert_int_equal(walk_trampoline(KPPROF_BX_LOST, STACK + 8 * 20, &depth),
			 KPPROF_END_UNSUPPORTED);
	assert_int_equal(depth, 3);
	/* What was saved is no stack. */
	assert_int_equal(walk_trampoline(0, 0x1000, &depth), KPPROF_END_NO_PROGRESS);
}

/* A return address that is the first byte after a call belongs to the caller's row, not the next
 * one. */
static void test_call_at_end_of_row(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x100, stop);
	row(&s, CODE + 0x200, cfa(KPPROF_REG_SP, 8));
	s.stack[0] = CODE + 0x200;
	w = walk_from(&s, CODE + 1, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
}

static void test_deref_and_plt(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE,
	    (struct kpprof_rule){
		    .kind = KPPROF_RULE_DEREF, .reg = KPPROF_REG_FP, .off = -8, .off2 = 8});
	row(&s, CODE + 0x100,
	    (struct kpprof_rule){
		    .kind = KPPROF_RULE_PLT, .reg = KPPROF_REG_SP, .off = 8, .off2 = 11});
	row(&s, CODE + 0x200, stop);
	s.stack[4] = STACK + 8 * 6;
	s.stack[6] = CODE + 0x10c + 1; /* CFA = stack[4] + 8 */
	s.stack[8] = CODE + 0x201;     /* second byte half of the entry: 8 more */
	w = walk_from(&s, CODE, STACK, STACK + 8 * 5);
	assert_int_equal(checked_walk(&w, pcs, 8), 3);
	assert_int_equal(pcs[1], CODE + 0x10c);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
}

static void test_signal_restores_everything(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x100, (struct kpprof_rule){.kind = KPPROF_RULE_SIGNAL});
	/* Interrupted in code whose CFA hangs on rax: known, because the signal frame has it. */
	row(&s, CODE + 0x200, cfa(0, 8));
	row(&s, CODE + 0x300, stop);
	s.stack[0] = CODE + 0x110;
	s.stack[1 + (40 + 8 * 13) / 8] = STACK + 8 * 100; /* rax */
	s.stack[1 + (40 + 8 * 15) / 8] = STACK + 8 * 90;  /* rsp */
	s.stack[1 + (40 + 8 * 16) / 8] = CODE + 0x200;	  /* rip: first byte of its row */
	s.stack[100] = CODE + 0x301;
	w = walk_from(&s, CODE, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 4);
	assert_int_equal(pcs[2], CODE + 0x200);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(w.guesses, 0);
}

/* Parent and child come out of the same system call, and only rax tells which is which. */
static void test_clone(void **state)
{
	const struct kpprof_rule clone = {
		.kind = KPPROF_RULE_CLONE, .reg = KPPROF_REG_SP, .off = 8};
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, clone);
	row(&s, CODE + 0x100, stop);
	s.stack[0] = CODE + 0x101;
	w = walk_from(&s, CODE + 2, STACK, 0);
	w.regs[KPPROF_REG_AX] = 0;
	assert_int_equal(checked_walk(&w, pcs, 8), 1);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	w = walk_from(&s, CODE + 2, STACK, 0);
	w.regs[KPPROF_REG_AX] = (__u64)-38;
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
}

/* What makecontext() leaves at the bottom of a stack: the first byte of a function, behind padding.
 */
static void test_return_to_beginning(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x59, none);
	row(&s, CODE + 0x60, cfa(KPPROF_REG_SP, 8));
	s.stack[0] = CODE + 0x60;
	w = walk_from(&s, CODE + 0x10, STACK, STACK + 64);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(pcs[0], CODE + 0x10);
	assert_int_equal(pcs[1], CODE + 0x60);
	/* Into the middle of it, or behind a call, is no beginning. */
	s.stack[0] = CODE + 0x5f;
	w = walk_from(&s, CODE + 0x10, STACK, STACK + 64);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_NO_ROWS);
	call_direct(&s, CODE + 0x60, CODE);
	s.stack[0] = CODE + 0x60;
	w = walk_from(&s, CODE + 0x10, STACK, STACK + 64);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_NO_ROWS);
}

static void test_ends(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x100, (struct kpprof_rule){.kind = KPPROF_RULE_UNSUPPORTED});
	row(&s, CODE + 0x200, (struct kpprof_rule){.kind = KPPROF_RULE_SWITCH});
	row(&s, CODE + 0x300, cfa(KPPROF_REG_SP, 0));
	row(&s, CODE + 0x400, cfa(12, 8));
	w = walk_from(&s, CODE + 0x100, STACK, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_UNSUPPORTED);
	w = walk_from(&s, CODE + 0x200, STACK, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_SWITCH);
	w = walk_from(&s, CODE + 0x300, STACK, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_NO_PROGRESS);
	/* r12 is known in the interrupted frame, and not in its caller. */
	s.stack[0] = CODE + 0x401;
	w = walk_from(&s, CODE, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_UNSUPPORTED);
	/* Past what was copied of the stack, and where there is no memory. */
	s.dumped = 4;
	w = walk_from(&s, CODE, STACK + 8 * 4, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_NOT_DUMPED);
	w = walk_from(&s, CODE, 0x1000, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_UNREADABLE);
	/* A caller outside all code is none. */
	s.dumped = STACK_WORDS;
	s.stack[0] = 0x123456;
	w = walk_from(&s, CODE, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 1);
	assert_int_equal(w.end, KPPROF_END_NO_MAPPING);
	s.map.flags = KPPROF_MAP_PENDING;
	w = walk_from(&s, CODE, STACK, 0);
	checked_walk(&w, pcs, 8);
	assert_int_equal(w.end, KPPROF_END_PENDING);
	assert_int_equal(w.end_map, 0);
}

static void test_too_deep(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	for (unsigned int i = 0; i < STACK_WORDS; i++)
		s.stack[i] = CODE + 0x10;
	w = walk_from(&s, CODE, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 8);
	assert_int_equal(w.end, KPPROF_END_TOO_DEEP);
}

static void test_frame_pointer_without_rows(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	s.map.rows = NULL;
	call_rax(&s, CODE + 0x110);
	s.stack[4] = STACK + 8 * 20;
	s.stack[5] = CODE + 0x110;
	s.stack[20] = 0;
	s.stack[21] = 0; /* the outermost frame */
	w = walk_from(&s, CODE + 0x50, STACK, STACK + 8 * 4);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(pcs[1], CODE + 0x10f);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(w.guesses, 0);
}

/* On the ret instruction, and before the prologue, the return address is on top. */
/* Code that keeps frame pointers, of which no function is known: also where one begins. */
static void test_frame_pointer_rule(void **state)
{
	static const unsigned char prologue[] = {0xf3, 0x0f, 0x1e, 0xfa, 0x55, 0x48, 0x89, 0xe5};
	static const struct {
		unsigned int at, slot;
	} begins[] = {{0, 0}, {4, 0}, {5, 1}};
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, (struct kpprof_rule){.kind = KPPROF_RULE_FP});
	call_rax(&s, CODE + 0x110);
	call_rax(&s, CODE + 0x210);
	memcpy(s.code + 0x40, prologue, sizeof(prologue));
	/* behind a call, but not of this function's caller */
	s.stack[2] = CODE + 0x210;
	s.stack[4] = STACK + 8 * 20;
	s.stack[5] = CODE + 0x110;
	w = walk_from(&s, CODE + 0x50, STACK, STACK + 8 * 4);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(pcs[1], CODE + 0x10f);
	assert_int_equal(w.guesses, 0);
	/* Up to the push, and behind it: the frame pointer is the caller's still. */
	for (unsigned int i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		s.stack[begins[i].slot] = CODE + 0x210;
		w = walk_from(&s, CODE + 0x40 + begins[i].at, STACK, STACK + 8 * 4);
		assert_int_equal(checked_walk(&w, pcs, 8), 3);
		assert_int_equal(pcs[1], CODE + 0x20f);
		assert_int_equal(pcs[2], CODE + 0x10f);
		assert_int_equal(w.guesses, 0);
		s.stack[begins[i].slot] = 0;
	}
}

static void test_leaf_without_frame(void **state)
{
	static struct space s;
	static const unsigned char prologue[] = {0x55, 0x48, 0x89, 0xe5};
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, none);
	row(&s, CODE + 0x100, stop);
	call_direct(&s, CODE + 0x110, CODE);
	memcpy(s.code, prologue, sizeof(prologue));
	s.code[0x40] = 0xc3;
	s.stack[0] = CODE + 0x110;
	w = walk_from(&s, CODE, STACK, STACK + 64);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.guesses, 0);
	w = walk_from(&s, CODE + 0x40, STACK, STACK + 64);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.guesses, 0);
	/* Between push and mov the return address is one word up. */
	s.stack[0] = 0;
	s.stack[1] = CODE + 0x110;
	w = walk_from(&s, CODE + 1, STACK, STACK + 64);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.guesses, 0);
}

/* Left-overs of earlier calls lie below the true return address: they called something else. */
static void test_guess_skips_leftovers(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, none);	     /* the function that is running */
	row(&s, CODE + 0x200, none); /* another */
	row(&s, CODE + 0x1000, stop);
	call_direct(&s, CODE + 0x1010, CODE + 0x200);
	call_direct(&s, CODE + 0x1020, CODE);
	call_rax(&s, CODE + 0x1030);
	s.stack[2] = CODE + 0x1010; /* stale: called another function */
	s.stack[3] = CODE + 0x1030; /* possible, but not as good as the next */
	s.stack[5] = CODE + 0x1020;
	w = walk_from(&s, CODE + 0x20, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(pcs[1], CODE + 0x101f);
	assert_int_equal(w.guesses, 1);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	/* Without a better one the indirect call is taken; with none at all the stack ends. */
	s.stack[5] = 0;
	w = walk_from(&s, CODE + 0x20, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(pcs[1], CODE + 0x102f);
	s.stack[3] = 0;
	w = walk_from(&s, CODE + 0x20, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 1);
	assert_int_equal(w.end, KPPROF_END_NO_ROWS);
}

static void test_guess_through_tail_call(void **state)
{
	static struct space s;
	int32_t rel = (int32_t)(CODE - (CODE + 0x210 + 5));
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, none);
	row(&s, CODE + 0x200, none);
	row(&s, CODE + 0x1000, stop);
	call_direct(&s, CODE + 0x1010, CODE + 0x200);
	s.code[0x210] = 0xe9;
	memcpy(&s.code[0x211], &rel, 4);
	s.stack[7] = CODE + 0x1010;
	w = walk_from(&s, CODE + 0x20, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(pcs[1], CODE + 0x100f);
	assert_int_equal(w.guesses, 1);
}

/* What is left over may lead to a word that is 0: that is no end. */
static void test_guess_ends_nowhere(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	row(&s, CODE, none);
	row(&s, CODE + 0x100, cfa(KPPROF_REG_SP, 8));
	call_rax(&s, CODE + 0x110);
	s.stack[3] = CODE + 0x110;
	w = walk_from(&s, CODE + 0x50, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.guesses, 1);
	assert_int_equal(w.end, KPPROF_END_NO_ROWS);
	/* Without a guess it is one. */
	w = walk_from(&s, CODE + 0x150, STACK, 0);
	assert_int_equal(checked_walk(&w, pcs, 8), 1);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
}

static void test_guess_is_bounded(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[64];

	(void)state;
	space_init(&s);
	row(&s, CODE, none);
	for (unsigned int i = 0; i < STACK_WORDS; i++)
		s.stack[i] = CODE + 0x1010;
	call_rax(&s, CODE + 0x1010);
	w = walk_from(&s, CODE + 0x20, STACK, 0);
	assert_true(checked_walk(&w, pcs, 64) < 32);
	assert_int_equal(w.end, KPPROF_END_NO_ROWS);
}

/* Rows and code of a function at CODE + 0x400 that keeps a frame pointer; an instruction stands
 * between its two first ones. */
static void fp_function(struct space *s)
{
	static const unsigned char prologue[] = {
		0x55,				    /* push %rbp */
		0xba, 0x01, 0x00, 0x00, 0x00,	    /* mov $1,%edx */
		0x48, 0x89, 0xe5,		    /* mov %rsp,%rbp */
		0x41, 0x54,			    /* push %r12 */
		0x48, 0x8d, 0x05, 0x10, 0,    0, 0, /* lea 16(%rip),%rax */
		0x53,				    /* push %rbx */
		0x48, 0x83, 0xec, 0x20,		    /* sub $32,%rsp */
		0x48, 0x8b, 0x44, 0x24, 0x08,	    /* mov 8(%rsp),%rax */
		0x48, 0x81, 0xec, 0x00, 0x10, 0, 0, /* not looked at any more */
	};
	struct kpprof_rule entered = cfa(KPPROF_REG_SP, 16), body = cfa(KPPROF_REG_FP, 16);

	memcpy(&s->code[0x400], prologue, sizeof(prologue));
	entered.fp = body.fp = KPPROF_FP_CFA;
	entered.fp_off = body.fp_off = -16;
	row(s, CODE + 0x300, cfa(KPPROF_REG_SP, 8)); /* a leaf: a system call */
	row(s, CODE + 0x400, cfa(KPPROF_REG_SP, 8));
	row(s, CODE + 0x401, entered);
	row(s, CODE + 0x409, body);
	row(s, CODE + 0x4f0, cfa(KPPROF_REG_SP, 8)); /* ret in the middle */
	row(s, CODE + 0x4f1, body);
	row(s, CODE + 0x500, stop);
	s->stack[0] = CODE + 0x4f8; /* the leaf's caller: size 16 + 32 */
	s->stack[1 + 6] = 0x1234;   /* its caller keeps none */
	s->stack[1 + 7] = CODE + 0x510;
}

static struct kpprof_walk sleeps_at(struct space *s, uint64_t ip, uint64_t sp)
{
	struct kpprof_walk w = walk_from(s, ip, sp, 0xdead);

	w.only_sp = 1;
	return w;
}

static void test_frame_pointer_from_prologue(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	fp_function(&s);
	call_rax(&s, CODE + 0x510);
	w = sleeps_at(&s, CODE + 0x310, STACK);
	assert_int_equal(checked_walk(&w, pcs, 8), 3);
	assert_int_equal(pcs[1], CODE + 0x4f7);
	assert_int_equal(pcs[2], CODE + 0x50f);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(w.guesses, 0);
}

/* The stack pointer has moved since: only a call of this very function will do, and it is a guess.
 */
static void test_frame_pointer_is_searched(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	fp_function(&s);
	memcpy(&s.code[0x440], "\x48\x29\xc4", 3); /* sub %rax,%rsp */
	call_rax(&s, CODE + 0x510);
	call_direct(&s, CODE + 0x520, CODE + 0x400);
	call_direct(&s, CODE + 0x530, CODE + 0x300);
	s.stack[20] = CODE + 0x530; /* left over */
	s.stack[30] = CODE + 0x520;
	w = sleeps_at(&s, CODE + 0x310, STACK);
	assert_int_equal(checked_walk(&w, pcs, 8), 3);
	assert_int_equal(pcs[2], CODE + 0x51f);
	assert_int_equal(w.end, KPPROF_END_COMPLETE);
	assert_int_equal(w.guesses, 1);
}

static void test_frame_pointer_stays_unknown(void **state)
{
	static struct space s;
	struct kpprof_walk w;
	__u64 pcs[8];

	(void)state;
	space_init(&s);
	fp_function(&s);
	w = sleeps_at(&s, CODE + 0x310, STACK);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_NO_FP);
	/* Part of a function that stands elsewhere has no prologue; what is before it is another's.
	 */
	space_init(&s);
	fp_function(&s);
	call_rax(&s, CODE + 0x510);
	s.rows.nrows--;
	row(&s, CODE + 0x500, none);
	row(&s, CODE + 0x600, cfa(KPPROF_REG_FP, 16));
	s.stack[0] = CODE + 0x610;
	s.stack[8] = 0;
	w = sleeps_at(&s, CODE + 0x310, STACK);
	assert_int_equal(checked_walk(&w, pcs, 8), 2);
	assert_int_equal(w.end, KPPROF_END_NO_FP);
}

/* With pages of the file each lookup finds the same row as without, dense rows or sparse ones. */
static void test_rows_index(void **state)
{
	static const __u32 spreads[] = {1, 3, 40, 5000, 400000};
	static __u32 pcs[3000], pages[3000];
	static __u16 index[3000];
	static const struct kpprof_rule rule = {.kind = KPPROF_RULE_NONE};

	(void)state;
	srand(7);
	for (unsigned int k = 0; k < sizeof(spreads) / sizeof(spreads[0]); k++) {
		struct kpprof_rows slow = {.nrules = 1, .pcs = pcs, .index = index, .rules = &rule};
		struct kpprof_rows fast;
		__u32 pc = (__u32)rand() % 100;

		slow.nrows = 1 + (__u32)rand() % 3000;
		for (__u32 i = 0; i < slow.nrows; i++)
			pcs[i] = pc += 1 + (__u32)rand() % spreads[k];
		fast = slow;
		assert_int_equal(kpprof_rows_check(&fast), 0);
		kpprof_rows_index(&fast, pages);
		assert_in_range(fast.npages, 1, kpprof_rows_pages_max(fast.nrows) - 1);
		for (__u32 i = 0; i < slow.nrows; i++)
			for (__u64 at = pcs[i] - 1ull; at <= pcs[i] + 1ull; at++)
				assert_int_equal(kpprof_rows_row(&fast, at),
						 kpprof_rows_row(&slow, at));
		assert_int_equal(kpprof_rows_row(&fast, ~0ull), slow.nrows);
		assert_int_equal(kpprof_rows_row(&fast, 0), kpprof_rows_row(&slow, 0));
	}
}

static void test_rows_check(void **state)
{
	static struct space s;

	(void)state;
	space_init(&s);
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
	row(&s, CODE, cfa(KPPROF_REG_SP, 8));
	row(&s, CODE + 0x10, stop);
	assert_int_equal(kpprof_rows_check(&s.rows), 0);
	s.index[1] = 9;
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
	s.index[1] = 1;
	s.pcs[1] = s.pcs[0];
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
	s.pcs[1]++;
	s.rules[1].kind = 200;
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
	s.rules[1] = cfa(16, 8);
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
	s.rules[0].kind = KPPROF_RULE_STOP;
	assert_int_equal(kpprof_rows_check(&s.rows), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cfa_chain),
		cmocka_unit_test(test_cfa_from_rbx),
		cmocka_unit_test(test_call_at_end_of_row),
		cmocka_unit_test(test_deref_and_plt),
		cmocka_unit_test(test_signal_restores_everything),
		cmocka_unit_test(test_return_to_beginning),
		cmocka_unit_test(test_clone),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_too_deep),
		cmocka_unit_test(test_frame_pointer_without_rows),
		cmocka_unit_test(test_frame_pointer_rule),
		cmocka_unit_test(test_leaf_without_frame),
		cmocka_unit_test(test_guess_skips_leftovers),
		cmocka_unit_test(test_guess_through_tail_call),
		cmocka_unit_test(test_guess_ends_nowhere),
		cmocka_unit_test(test_guess_is_bounded),
		cmocka_unit_test(test_frame_pointer_from_prologue),
		cmocka_unit_test(test_frame_pointer_is_searched),
		cmocka_unit_test(test_frame_pointer_stays_unknown),
		cmocka_unit_test(test_rows_index),
		cmocka_unit_test(test_rows_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
