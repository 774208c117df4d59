// SPDX-License-Identifier: GPL-2.0-or-later
#include "tid_ranges.h"

#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"

static int by_number(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Joins the two neighbours with the smallest gap between them. */
static void join_nearest(struct tid_ranges *r, pid_t from, pid_t to)
{
	size_t best = r->n - 1;
	pid_t gap = from - r->to[r->n - 1];

	for (size_t i = 0; i + 1 < r->n; i++) {
		if (r->from[i + 1] - r->to[i] >= gap)
			continue;
		gap = r->from[i + 1] - r->to[i];
		best = i;
	}
	if (best == r->n - 1) {
		r->to[best] = to;
		return;
	}
	r->to[best] = r->to[best + 1];
	memmove(&r->from[best + 1], &r->from[best + 2], (r->n - best - 2) * sizeof(pid_t));
	memmove(&r->to[best + 1], &r->to[best + 2], (r->n - best - 2) * sizeof(pid_t));
	r->from[r->n - 1] = from;
	r->to[r->n - 1] = to;
}

void tid_ranges_make(struct tid_ranges *r, pid_t *tids, size_t n, pid_t newer)
{
	*r = (struct tid_ranges){.newer = newer};
	if (n)
		qsort(tids, n, sizeof(*tids), by_number);
	for (size_t i = 0; i < n && newer; i++) {
		if (tids[i] > newer)
			break;
		if (r->n && tids[i] <= r->to[r->n - 1] + 1) {
			r->to[r->n - 1] = tids[i];
		} else if (r->n < TID_RANGES_MAX) {
			r->from[r->n] = r->to[r->n] = tids[i];
			r->n++;
		} else {
			join_nearest(r, tids[i], tids[i]);
		}
	}
}

bool tid_ranges_has(const struct tid_ranges *r, pid_t tid)
{
	if (tid > r->newer)
		return true;
	for (size_t i = 0; i < r->n; i++)
		if (tid >= r->from[i] && tid <= r->to[i])
			return true;
	return false;
}

void tid_ranges_text(const struct tid_ranges *r, const char *field, struct buf *out)
{
	buf_printf(out, "(%s > %d", field, (int)r->newer);
	for (size_t i = 0; i < r->n; i++) {
		if (r->from[i] == r->to[i])
			buf_printf(out, " || %s == %d", field, (int)r->from[i]);
		else
			buf_printf(out, " || (%s >= %d && %s <= %d)", field, (int)r->from[i], field,
				   (int)r->to[i]);
	}
	buf_puts(out, ")");
}
