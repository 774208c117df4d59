// SPDX-License-Identifier: GPL-2.0-or-later
#include "snapshot.h"

#include <string.h>

int snapshot_take(struct snapshot *s, const struct profile *p, const struct buf *open, uint64_t at)
{
	*s = (struct snapshot){.at = at, .nvalues = p->nvalues};
	if (p->values.len)
		buf_append(&s->values, p->values.data, p->values.len);
	if (open->len)
		buf_append(&s->open, open->data, open->len);
	return buf_error(&s->values) ? buf_error(&s->values) : buf_error(&s->open);
}

void snapshot_deinit(struct snapshot *s)
{
	buf_deinit(&s->values);
	buf_deinit(&s->open);
}

/* Values of a sample in @values, or NULL: it did not exist. */
static int64_t *values_of(const struct buf *values, unsigned int nvalues, uint32_t sample)
{
	size_t at = (size_t)sample * nvalues;

	if (at + nvalues > values->len / sizeof(int64_t))
		return NULL;
	return (int64_t *)(void *)values->data + at;
}

void snapshot_move(struct snapshot *s, uint32_t from, uint32_t to, const int64_t *values)
{
	int64_t *a = values_of(&s->values, s->nvalues, from), *b;

	if (!a)
		return;
	/* Its new place may be younger than the snapshot. */
	while (!values_of(&s->values, s->nvalues, to)) {
		const int64_t none[PROFILE_VALUES_MAX] = {0};

		buf_append(&s->values, none, s->nvalues * sizeof(*none));
		if (buf_error(&s->values))
			return;
	}
	a = values_of(&s->values, s->nvalues, from);
	b = values_of(&s->values, s->nvalues, to);
	for (unsigned int i = 0; i < s->nvalues; i++) {
		a[i] -= values[i];
		b[i] += values[i];
	}
}

int snapshot_total(const struct snapshot *s, struct buf *out)
{
	const struct snapshot_open *open = (const void *)s->open.data;

	if (s->values.len)
		buf_append(out, s->values.data, s->values.len);
	if (buf_error(out))
		return buf_error(out);
	for (size_t i = 0; i < s->open.len / sizeof(*open); i++) {
		int64_t *v = values_of(out, s->nvalues, open[i].sample);

		for (unsigned int k = 0; v && k < s->nvalues; k++)
			v[k] += open[i].values[k];
	}
	return 0;
}

/* What was going on at the beginning still does, or is over: it comes off the one, then the other.
 */
static void take_carried(struct buf *out, unsigned int nvalues, const struct snapshot_open *open)
{
	int64_t *now = values_of(out, nvalues, open->sample);
	int64_t *over = values_of(out, nvalues, open->over);

	for (unsigned int k = 0; k < nvalues; k++) {
		int64_t left = open->carried[k], have = now && now[k] > 0 ? now[k] : 0;
		int64_t off = left < have ? left : have;

		if (now)
			now[k] -= off;
		if (over)
			over[k] -= left - off;
	}
}

int snapshot_difference(const struct snapshot *before, const struct snapshot *after,
			unsigned int gauges, struct buf *out)
{
	const struct snapshot_open *open = (const void *)before->open.data;
	const int64_t *old = (const void *)before->values.data;
	size_t nold = before->values.len / sizeof(*old);
	unsigned int nvalues = after->nvalues;
	int64_t *v;
	int err = snapshot_total(after, out);

	if (err)
		return err;
	v = (void *)out->data;
	for (size_t i = 0; i < nold && i < out->len / sizeof(*v); i++)
		v[i] -= old[i];
	for (size_t i = 0; i < before->open.len / sizeof(*open); i++)
		take_carried(out, nvalues, &open[i]);
	for (size_t i = 0; i < out->len / sizeof(*v); i++)
		if (v[i] < 0 && !(gauges & 1u << i % nvalues))
			v[i] = 0;
	return 0;
}
