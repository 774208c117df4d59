// SPDX-License-Identifier: GPL-2.0-or-later
#include "rows.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "cfi.h"
#include "elf.h"
#include "pclntab.h"
#include "textscan.h"

/* @seq is the order in which they were added: of ranges that overlap, the lowest wins. */
struct row_range {
	uint32_t start;
	uint32_t last;
	uint32_t rule;
	uint32_t seq;
};

/* A block is this, the rules, the pcs, the indices, and zeroes up to a multiple of 8 bytes. */
struct rows_block {
	uint32_t magic;
	uint32_t nrows;
	uint32_t nrules;
	uint32_t zero;
};

enum { ROWS_MAGIC = 0x77726b70 };

static const struct kpprof_rule none = {.kind = KPPROF_RULE_NONE};

static struct row_range *ranges_of(struct rows_builder *b)
{
	return (struct row_range *)b->ranges.data;
}

static size_t nranges(const struct rows_builder *b)
{
	return b->ranges.len / sizeof(struct row_range);
}

/* The number of a rule, or a negative error; rule 0 is NONE. */
static int64_t rule_number(struct rows_builder *b, const struct kpprof_rule *rule)
{
	int64_t n;

	if (!b->rules.n) {
		n = intern_add(&b->rules, &none, sizeof(none));
		if (n < 0)
			return n;
	}
	n = intern_add(&b->rules, rule, sizeof(*rule));
	return n >= (int64_t)KPPROF_RULES_MAX ? -E2BIG : n;
}

/* Code is mostly added in order, and neighbours often have one rule. */
static bool extend_last(struct rows_builder *b, uint64_t start, uint64_t last, uint32_t rule)
{
	struct row_range *r;

	if (!nranges(b))
		return false;
	r = ranges_of(b) + nranges(b) - 1;
	if (r->seq + 1 != b->seq || r->rule != rule || (uint64_t)r->last + 1 != start)
		return false;
	r->last = (uint32_t)last;
	return true;
}

void rows_add(struct rows_builder *b, uint64_t start, uint64_t end, const struct kpprof_rule *rule)
{
	struct row_range *r;
	uint64_t last;
	int64_t n;

	if (b->error || start >= end || start > KPPROF_PC_MAX)
		return;
	last = end - 1 < KPPROF_PC_MAX ? end - 1 : KPPROF_PC_MAX;
	n = rule_number(b, rule);
	if (n < 0) {
		b->error = (int)n;
		return;
	}
	if (extend_last(b, start, last, (uint32_t)n))
		return;
	if (b->seq >= KPPROF_ROWS_MAX) {
		b->error = -E2BIG;
		return;
	}
	r = buf_reserve(&b->ranges, sizeof(*r));
	if (r)
		*r = (struct row_range){(uint32_t)start, (uint32_t)last, (uint32_t)n, b->seq++};
	else
		b->error = -ENOMEM;
}

void rows_add_function(struct rows_builder *b, uint64_t start)
{
	uint32_t pc = (uint32_t)start;

	if (b->error || start > KPPROF_PC_MAX)
		return;
	if (b->functions.len / sizeof(pc) >= KPPROF_ROWS_MAX) {
		b->error = -E2BIG;
		return;
	}
	buf_append(&b->functions, &pc, sizeof(pc));
	if (buf_error(&b->functions))
		b->error = -ENOMEM;
}

void rows_builder_deinit(struct rows_builder *b)
{
	buf_deinit(&b->ranges);
	buf_deinit(&b->functions);
	intern_deinit(&b->rules);
	*b = (struct rows_builder){0};
}

static int cmp_range(const void *a, const void *b)
{
	const struct row_range *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->seq < y->seq ? -1 : x->seq > y->seq;
}

static int cmp_pc(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_ranges(struct rows_builder *b)
{
	struct row_range *r = ranges_of(b);
	size_t n = nranges(b);

	for (size_t i = 1; i < n; i++) {
		if (cmp_range(&r[i - 1], &r[i]) > 0) {
			qsort(r, n, sizeof(*r), cmp_range);
			return;
		}
	}
}

int rows_gaps(struct rows_builder *b, struct buf *gaps)
{
	struct row_gap gap = {0};

	sort_ranges(b);
	for (size_t i = 0; i < nranges(b); i++) {
		const struct row_range *r = ranges_of(b) + i;

		gap.end = r->start;
		if (gap.start < gap.end)
			buf_append(gaps, &gap, sizeof(gap));
		if (gap.start <= r->last)
			gap.start = (uint64_t)r->last + 1;
	}
	gap.end = KPPROF_PC_MAX + 1;
	if (gap.start < gap.end)
		buf_append(gaps, &gap, sizeof(gap));
	return buf_error(gaps);
}

/*
 * The sweep over sorted ranges: those that may hold at @pos lie in a heap, the one that was added
 * first on top; ranges that ended stay until they come up.
 */
struct sweep {
	struct rows_builder *b;
	struct row_range *heap;
	size_t nheap;
	uint64_t pos;
	const uint32_t *functions;
	size_t nfunctions;
	struct buf pcs;
	struct buf index;
};

static void heap_push(struct sweep *s, const struct row_range *r)
{
	size_t i = s->nheap++;

	for (; i && s->heap[(i - 1) / 2].seq > r->seq; i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = *r;
}

static void heap_pop(struct sweep *s)
{
	struct row_range last = s->heap[--s->nheap];
	size_t i = 0, kid;

	while ((kid = 2 * i + 1) < s->nheap) {
		if (kid + 1 < s->nheap && s->heap[kid + 1].seq < s->heap[kid].seq)
			kid++;
		if (last.seq < s->heap[kid].seq)
			break;
		s->heap[i] = s->heap[kid];
		i = kid;
	}
	s->heap[i] = last;
}

static void put_row(struct sweep *s, uint64_t pc, uint32_t rule)
{
	size_t n = s->index.len / sizeof(uint16_t);
	uint32_t pc32 = (uint32_t)pc;
	uint16_t rule16 = (uint16_t)rule;

	if (rule && n && ((uint16_t *)s->index.data)[n - 1] == rule16)
		return;
	buf_append(&s->pcs, &pc32, sizeof(pc32));
	buf_append(&s->index, &rule16, sizeof(rule16));
}

/* A NONE row from @pos, and from each function on that starts before @end. */
static void put_gap(struct sweep *s, uint64_t end)
{
	for (; s->nfunctions && *s->functions <= s->pos; s->nfunctions--)
		s->functions++;
	put_row(s, s->pos, 0);
	for (; s->nfunctions && *s->functions < end; s->nfunctions--) {
		if (*s->functions > s->pos)
			put_row(s, *s->functions, 0);
		s->pos = *s->functions++;
	}
	s->pos = end;
}

static void sweep_to(struct sweep *s, uint64_t end)
{
	while (s->nheap && s->pos < end) {
		const struct row_range *top = s->heap;
		uint64_t stop = (uint64_t)top->last + 1;

		if (stop <= s->pos) {
			heap_pop(s);
			continue;
		}
		put_row(s, s->pos, top->rule);
		s->pos = stop < end ? stop : end;
	}
	if (s->pos < end)
		put_gap(s, end);
}

static int sweep_all(struct sweep *s)
{
	const struct row_range *r = ranges_of(s->b);
	size_t n = nranges(s->b);
	uint32_t *functions = (uint32_t *)s->b->functions.data;

	s->heap = malloc((n + 1) * sizeof(*s->heap));
	if (!s->heap)
		return -ENOMEM;
	s->functions = functions;
	s->nfunctions = s->b->functions.len / sizeof(uint32_t);
	if (s->nfunctions)
		qsort(functions, s->nfunctions, sizeof(uint32_t), cmp_pc);
	sort_ranges(s->b);
	for (size_t i = 0; i < n; i++) {
		sweep_to(s, r[i].start);
		heap_push(s, &r[i]);
	}
	sweep_to(s, KPPROF_PC_MAX + 1);
	return buf_error(&s->pcs) || buf_error(&s->index) ? -ENOMEM : 0;
}

static size_t padding(size_t n)
{
	return -n & 7;
}

static int write_block(const struct sweep *s, struct buf *out)
{
	struct rows_block h = {
		.magic = ROWS_MAGIC,
		.nrows = (uint32_t)(s->pcs.len / sizeof(uint32_t)),
		.nrules = s->b->rules.n,
	};
	size_t n = sizeof(h) + s->b->rules.keys.len + s->pcs.len + s->index.len;

	if (s->pcs.len / sizeof(uint32_t) > KPPROF_ROWS_MAX)
		return -E2BIG;
	buf_append(out, &h, sizeof(h));
	/* All keys are of one length, so they are the array of rules. */
	buf_append(out, s->b->rules.keys.data, s->b->rules.keys.len);
	buf_append(out, s->pcs.data, s->pcs.len);
	buf_append(out, s->index.data, s->index.len);
	buf_append(out, "\0\0\0\0\0\0\0", padding(n));
	return buf_error(out);
}

static int finish(struct rows_builder *b, struct buf *out)
{
	struct sweep s = {.b = b};
	int64_t n;
	int err;

	if (b->error)
		return b->error;
	if (!nranges(b) && !b->functions.len)
		return -ENODATA;
	n = rule_number(b, &none);
	err = n < 0 ? (int)n : sweep_all(&s);
	if (!err)
		err = write_block(&s, out);
	free(s.heap);
	buf_deinit(&s.pcs);
	buf_deinit(&s.index);
	return err;
}

int rows_finish(struct rows_builder *b, struct buf *out)
{
	int err = finish(b, out);

	rows_builder_deinit(b);
	return err;
}

int rows_map(const void *block, size_t size, struct kpprof_rows *rows)
{
	const uint8_t *p = block;
	struct rows_block h;
	uint64_t want;

	if (size < sizeof(h) || (uintptr_t)block % 8)
		return -EBADMSG;
	memcpy(&h, block, sizeof(h));
	if (h.magic != ROWS_MAGIC || h.zero || !h.nrows || h.nrows > KPPROF_ROWS_MAX || !h.nrules ||
	    h.nrules > KPPROF_RULES_MAX)
		return -EBADMSG;
	want = sizeof(h) + h.nrules * sizeof(*rows->rules) +
	       (uint64_t)h.nrows * (sizeof(*rows->pcs) + sizeof(*rows->index));
	if (size != want + padding(want))
		return -EBADMSG;
	*rows = (struct kpprof_rows){.nrows = h.nrows, .nrules = h.nrules};
	p += sizeof(h);
	rows->rules = (const struct kpprof_rule *)p;
	p += h.nrules * sizeof(*rows->rules);
	rows->pcs = (const uint32_t *)p;
	p += h.nrows * sizeof(*rows->pcs);
	rows->index = (const uint16_t *)p;
	return kpprof_rows_check(rows) ? -EBADMSG : 0;
}

/* Go's own tables come first: they know which code switches stacks, .debug_frame does not. */
static int add_go(struct elf_image *img, struct rows_builder *b)
{
	struct pclntab *t = NULL;
	int err = pclntab_open(img, &t);

	if (err)
		return err == -ENOMEM ? err : 0;
	/* To Go's tables the trampoline that returns from a signal is a function like any other. */
	err = textscan_trampolines(img, b);
	if (!err)
		err = pclntab_rows(t, b);
	pclntab_close(t);
	return err;
}

int rows_build(struct elf_image *img, struct buf *out)
{
	struct rows_builder b = {0};
	int err;

	err = add_go(img, &b);
	if (!err)
		err = cfi_rows(img, &b);
	if (!err)
		err = textscan_rows(img, &b);
	if (!err)
		return rows_finish(&b, out);
	rows_builder_deinit(&b);
	return err;
}
