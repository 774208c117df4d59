// SPDX-License-Identifier: GPL-2.0-only
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>
#else
#include <errno.h>
#include <stdbool.h>
#endif

#include "rows.h"
#include "walk.h"

static bool rule_valid(const struct kpprof_rule *r)
{
	return r->kind < __KPPROF_RULE_KINDS && r->fp < __KPPROF_FP_KINDS && r->reg < KPPROF_NREGS;
}

int kpprof_rows_check(const struct kpprof_rows *rows)
{
	__u32 i;

	if (!rows->nrows || rows->nrows > KPPROF_ROWS_MAX || !rows->nrules ||
	    rows->nrules > KPPROF_RULES_MAX || rows->rules[0].kind != KPPROF_RULE_NONE)
		return -EINVAL;
	for (i = 0; i < rows->nrules; i++)
		if (!rule_valid(&rows->rules[i]))
			return -EINVAL;
	for (i = 0; i < rows->nrows; i++)
		if (rows->index[i] >= rows->nrules || (i && rows->pcs[i] <= rows->pcs[i - 1]))
			return -EINVAL;
	return 0;
}

void kpprof_rows_index(struct kpprof_rows *rows, __u32 *pages)
{
	__u32 last = rows->pcs[rows->nrows - 1], row = 0, page;

	/* Two rows a page, on the whole. */
	rows->shift = 4;
	while ((last >> rows->shift) + 2 > kpprof_rows_pages_max(rows->nrows))
		rows->shift++;
	rows->npages = (last >> rows->shift) + 1;
	for (page = 0; page < rows->npages; page++) {
		while (row < rows->nrows && rows->pcs[row] >> rows->shift < page)
			row++;
		pages[page] = row;
	}
	pages[page] = rows->nrows;
	rows->pages = pages;
}
