// SPDX-License-Identifier: GPL-2.0-or-later
#include "top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/hash.h"
#include "collapsed.h"

/**
 * struct row - what one function has
 * @name: number of its name
 * @flat: value of the stacks that end in it
 * @cum: value of the stacks that it is in
 * @seen: stack that was counted last, + 1: a recursive function counts once
 */
struct row {
	uint32_t name;
	uint32_t seen;
	int64_t flat;
	int64_t cum;
};

/* Units in falling order; the first that a value reaches is printed. */
struct scale {
	const char *unit;
	const char *text;
	double size;
};

static const struct scale scales[] = {
	{"nanoseconds", "hrs", 3600e9}, {"nanoseconds", "mins", 60e9},
	{"nanoseconds", "s", 1e9},	{"nanoseconds", "ms", 1e6},
	{"nanoseconds", "us", 1e3},	{"nanoseconds", "ns", 1},
	{"bytes", "GB", 1 << 30},	{"bytes", "MB", 1 << 20},
	{"bytes", "kB", 1 << 10},	{"bytes", "B", 1},
};

void value_text(struct buf *out, int64_t value, const char *unit)
{
	const double amount = (double)(value < 0 ? -(double)value : (double)value);

	for (size_t i = 0; i < sizeof(scales) / sizeof(*scales); i++) {
		const struct scale *s = &scales[i];

		if (strcmp(s->unit, unit) || (amount < s->size && s->size != 1.0))
			continue;
		if (s->size == 1.0)
			buf_printf(out, "%" PRId64 "%s", value, value ? s->text : "");
		else
			buf_printf(out, "%.2f%s", (double)value / s->size, s->text);
		return;
	}
	buf_printf(out, "%" PRId64, value);
}

static double percent(int64_t part, int64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 0;
}

static int by_flat(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->flat != y->flat)
		return x->flat < y->flat ? 1 : -1;
	if (x->cum != y->cum)
		return x->cum < y->cum ? 1 : -1;
	return x->name < y->name ? -1 : x->name > y->name;
}

static void count_stack(struct row *rows, const struct collapsed *c, uint32_t i)
{
	int64_t value = collapsed_value(c, i);
	uint32_t depth;
	const uint32_t *stack = collapsed_stack(c, i, &depth);

	for (uint32_t k = 0; k < depth; k++) {
		struct row *r = &rows[stack[k]];

		if (r->seen != i + 1)
			r->cum += value;
		r->seen = i + 1;
	}
	if (depth)
		rows[stack[depth - 1]].flat += value;
}

static void put_column(struct buf *out, int64_t value, const char *unit)
{
	_cleanup_buf_ struct buf text = {0};

	value_text(&text, value, unit);
	buf_printf(out, "%10.*s", (int)text.len, text.data ? text.data : "");
}

static void put_row(struct buf *out, const struct collapsed *c, const struct row *r,
		    const char *unit, int64_t *sum)
{
	size_t len;
	const char *name = intern_key(&c->names, r->name, &len);

	*sum += r->flat;
	put_column(out, r->flat, unit);
	buf_printf(out, " %5.2f%% %5.2f%% ", percent(r->flat, c->total), percent(*sum, c->total));
	put_column(out, r->cum, unit);
	buf_printf(out, " %5.2f%%  ", percent(r->cum, c->total));
	buf_printable(out, name, len);
	buf_puts(out, "\n");
}

int top_write(const struct collapsed *c, const char *unit, unsigned int rows, struct buf *out)
{
	_cleanup_free_ struct row *all = calloc(c->names.n + (size_t)1, sizeof(*all));
	uint32_t n = 0;
	int64_t sum = 0;

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < c->names.n; i++)
		all[i].name = i;
	for (uint32_t i = 0; i < c->stacks.n; i++)
		count_stack(all, c, i);
	qsort(all, c->names.n, sizeof(*all), by_flat);
	buf_puts(out, "      flat  flat%   sum%        cum   cum%\n");
	for (; n < c->names.n && n < rows; n++)
		put_row(out, c, &all[n], unit, &sum);
	if (n < c->names.n)
		buf_printf(out, "and %" PRIu32 " more functions\n", c->names.n - n);
	return buf_error(out);
}
