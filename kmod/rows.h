/* SPDX-License-Identifier: GPL-2.0-only */
/* Unwind rows, as uapi/kpprof.h describes them: looked up, checked and indexed, in kernel and
 * agent. */
#ifndef KPPROF_ROWS_TABLE_H
#define KPPROF_ROWS_TABLE_H

#include "../uapi/kpprof.h"

#ifndef __KERNEL__
#include <stddef.h>
#endif

/**
 * struct kpprof_rows - the unwind rows of one image
 * @nrows: entries in @pcs and @index
 * @nrules: entries in @rules
 * @pcs: sorted file offsets
 * @index: rule of each row
 * @rules: the rules
 * @pages: how many rows begin before each 1 << @shift bytes of the file, to search few of them;
 *NULL for none
 * @npages: entries in @pages but the last, which is @nrows
 * @shift: see @pages
 */
struct kpprof_rows {
	__u32 nrows;
	__u32 nrules;
	const __u32 *pcs;
	const __u16 *index;
	const struct kpprof_rule *rules;
	const __u32 *pages;
	__u32 npages;
	__u32 shift;
};

/**
 * kpprof_rows_row() - the row for a file offset
 *
 * Context: any; at most 32 rounds.
 * Return: its index + 1, or 0 when @pc is before the first row.
 */
static inline __u32 kpprof_rows_row(const struct kpprof_rows *rows, __u64 pc)
{
	__u32 lo = 0, hi = rows->nrows;

	if (rows->pages && pc >> rows->shift < rows->npages) {
		const __u32 *page = rows->pages + (pc >> rows->shift);

		lo = page[0];
		hi = page[1];
	}
	while (lo < hi) {
		__u32 mid = lo + (hi - lo) / 2;

		if (rows->pcs[mid] <= pc)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/**
 * kpprof_rows_find() - the rule for a file offset
 * @rows: an image's rows
 * @pc: file offset
 * @start: out, may be NULL: the first byte that the row covers
 *
 * Context: any.
 * Return: the rule, or NULL when @pc is before the first row or the table is damaged.
 */
static inline const struct kpprof_rule *kpprof_rows_find(const struct kpprof_rows *rows, __u64 pc,
							 __u64 *start)
{
	__u32 row = kpprof_rows_row(rows, pc);

	if (!row || rows->index[row - 1] >= rows->nrules)
		return NULL;
	if (start)
		*start = rows->pcs[row - 1];
	return &rows->rules[rows->index[row - 1]];
}

/**
 * kpprof_rows_check() - verify rows that came from somewhere else
 * @rows: sizes and pointers, which must cover the whole arrays
 *
 * Context: any; time is linear in the number of rows.
 * Return: 0, or -EINVAL when the rows are not sorted, a rule is out of range or of no known form.
 */
int kpprof_rows_check(const struct kpprof_rows *rows);

/** kpprof_rows_pages_max() - entries that kpprof_rows_index() writes at most */
static inline __u32 kpprof_rows_pages_max(__u32 nrows)
{
	return nrows / 2 + 2;
}

/**
 * kpprof_rows_index() - make lookups short
 * @rows: checked; @pages, @npages and @shift are set
 * @pages: room for kpprof_rows_pages_max() entries, which must live as long as the rows
 *
 * Context: any; time is linear in the number of rows.
 */
void kpprof_rows_index(struct kpprof_rows *rows, __u32 *pages);

#endif /* KPPROF_ROWS_TABLE_H */
