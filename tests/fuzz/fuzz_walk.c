// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The walker on rows, code and a stack that are arbitrary bytes. It must end, stay within its
 * frames and never read outside what it was given, whether the rows passed their check or not.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/walk.h"

#define CODE  0x10000ull
#define STACK 0x20000ull

enum { NROWS = 24, NRULES = 8, CODE_BYTES = 256, FRAMES = 40 };

struct input {
	uint64_t ip, sp, fp;
	uint8_t nmaps, with_rows, flags, only_sp, pad[4];
	uint16_t pc_steps[NROWS];
	uint8_t index[NROWS];
	struct kpprof_rule rules[NRULES];
	uint8_t code[CODE_BYTES];
};

struct memory {
	const uint8_t *code;
	const uint8_t *stack;
	size_t stack_size;
	unsigned int reads;
};

static int memory_read(void *ctx, __u64 addr, __u64 *val)
{
	struct memory *m = ctx;

	m->reads++;
	if (addr >= CODE && addr - CODE <= CODE_BYTES - 8) {
		memcpy(val, m->code + (addr - CODE), 8);
		return 0;
	}
	if (m->stack_size >= 8 && addr >= STACK && addr - STACK <= m->stack_size - 8) {
		memcpy(val, m->stack + (addr - STACK), 8);
		return 0;
	}
	return addr & 1 ? -ENODATA : -EFAULT;
}

/* What a walk finds is the same with a memo, whether that knows nothing yet or all of it. */
static void same_with_memo(const struct kpprof_walk *from, const struct kpprof_walk *first,
			   const __u64 *frames, unsigned int n)
{
	__u64 memo[KPPROF_MEMO_SIZE] = {0}, again[FRAMES];

	for (int i = 0; i < 2; i++) {
		struct kpprof_walk w = *from;

		w.memo = memo;
		if (kpprof_walk(&w, again, FRAMES) != n || w.end != first->end ||
		    w.guesses != first->guesses || memcmp(again, frames, n * sizeof(*again)) != 0)
			abort();
	}
	/* Nor does what stands in it do any harm. */
	for (unsigned int i = 0; i < KPPROF_MEMO_SIZE; i++)
		memo[i] |= 0xffff;
	{
		struct kpprof_walk w = *from;

		w.memo = memo;
		kpprof_walk(&w, again, FRAMES);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct input in;
	uint32_t pcs[NROWS], at = 0;
	uint16_t index[NROWS];
	struct kpprof_rows rows = {
		.nrows = NROWS, .nrules = NRULES, .pcs = pcs, .index = index, .rules = in.rules};
	struct kpprof_map maps[2] = {
		{.start = CODE, .end = CODE + CODE_BYTES / 2},
		{.start = CODE + CODE_BYTES / 2,
		 .end = CODE + CODE_BYTES,
		 .offset = CODE_BYTES / 2},
	};
	struct kpprof_walk w = {.maps = maps, .read = memory_read}, from;
	struct memory m;
	__u64 frames[FRAMES];
	unsigned int n;

	if (size < sizeof(in))
		return 0;
	memcpy(&in, data, sizeof(in));
	m = (struct memory){in.code, data + sizeof(in), size - sizeof(in), 0};
	for (unsigned int i = 0; i < NROWS; i++) {
		at += in.pc_steps[i] % 32;
		pcs[i] = at;
		index[i] = in.index[i] % (NRULES + 1);
	}
	for (unsigned int i = 0; i < 2; i++) {
		maps[i].rows = in.with_rows >> i & 1 ? &rows : NULL;
		maps[i].flags = in.flags >> i & 1 ? KPPROF_MAP_PENDING : 0;
	}
	w.nmaps = in.nmaps % 3;
	w.ip = CODE + in.ip % (2 * CODE_BYTES);
	w.ctx = &m;
	for (unsigned int i = 0; i < KPPROF_NREGS; i++)
		w.regs[i] = in.sp ^ i;
	w.regs[KPPROF_REG_SP] = STACK + in.sp % 4096;
	w.regs[KPPROF_REG_FP] = in.fp & 1 ? in.fp : STACK + in.fp % 4096;
	w.only_sp = in.only_sp & 1;
	kpprof_rows_check(&rows);
	from = w;
	n = kpprof_walk(&w, frames, FRAMES);
	/* Each frame costs a bounded number of reads, and guessing has a budget of its own. */
	if (n > FRAMES || w.end >= KPPROF_ENDS_N || m.reads > 4096 + FRAMES * 20 ||
	    (w.end == KPPROF_END_PENDING && w.end_map >= w.nmaps))
		abort();
	same_with_memo(&from, &w, frames, n);
	return 0;
}
