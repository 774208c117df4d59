// SPDX-License-Identifier: GPL-2.0-or-later
#include "collapsed.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "demangle.h"
#include "model.h"

/**
 * struct collapser - the work of collapsed_init()
 * @names: number in the collapsed profile + 1 of each string of the profile that is a name; 0 when
 *	it has none yet
 * @error: the first one
 */
struct collapser {
	struct collapsed *c;
	const struct profile *p;
	uint32_t *names;
	int error;
};

/* A stack in the making, innermost frame first. */
struct frames {
	uint32_t names[COLLAPSED_DEPTH_MAX];
	uint32_t n;
	bool cut;
};

static uint32_t add_text(struct collapser *w, const char *text, size_t len)
{
	int64_t i = intern_add(&w->c->names, text, len);

	if (i < 0 && !w->error)
		w->error = (int)i;
	return i < 0 ? 0 : (uint32_t)i;
}

static uint32_t name_of_string(struct collapser *w, uint32_t s)
{
	_cleanup_buf_ struct buf pretty = {0};
	const char *raw;
	size_t len;

	if (w->names[s])
		return w->names[s] - 1;
	raw = intern_key(&w->p->strings, s, &len);
	demangle(raw, len, &pretty);
	if (buf_error(&pretty))
		w->error = buf_error(&pretty);
	w->names[s] = add_text(w, pretty.data ? pretty.data : "", pretty.len) + 1;
	return w->names[s] - 1;
}

/* Code without a name is what its file is called, and where in it. */
static uint32_t name_of_address(struct collapser *w, const struct profile_location_key *key)
{
	const struct profile_mapping *map = NULL;
	const char *file = "[unknown]", *slash;
	char text[300];
	int n;

	if (key->mapping != PROFILE_NO_MAPPING) {
		map = (const struct profile_mapping *)(const void *)w->p->mappings.data +
		      key->mapping;
		slash = strrchr(map->file, '/');
		file = slash ? slash + 1 : map->file;
	}
	n = snprintf(text, sizeof(text), "%.200s+0x%" PRIx64, file,
		     map ? key->addr - map->start + map->offset : key->addr);
	return add_text(w, text, (size_t)n);
}

static void push(struct frames *f, uint32_t name)
{
	if (f->n < COLLAPSED_DEPTH_MAX - 1)
		f->names[f->n++] = name;
	else
		f->cut = true;
}

/* The functions of a location, innermost first. */
static void push_location(struct collapser *w, struct frames *f, uint32_t location)
{
	const struct profile_location_lines *at = (const void *)w->p->location_lines.data;
	const struct profile_line *lines = (const void *)w->p->lines.data;
	struct profile_location_key key = profile_location_get(w->p, location);
	uint32_t n = location < w->p->location_lines.len / sizeof(*at) ? at[location].n : 0;

	for (uint32_t i = 0; i < n; i++)
		push(f, name_of_string(w, lines[at[location].first + i].name));
	if (!n)
		push(f, key.name ? name_of_string(w, key.name) : name_of_address(w, &key));
}

static void add_value(struct collapser *w, const struct frames *f, int64_t value)
{
	uint32_t reversed[COLLAPSED_DEPTH_MAX];
	struct collapsed *c = w->c;
	uint32_t n = f->n;
	int64_t i, *sum;

	for (uint32_t k = 0; k < n; k++)
		reversed[k] = f->names[n - 1 - k];
	i = intern_add(&c->stacks, reversed, n * sizeof(*reversed));
	if (i < 0) {
		w->error = (int)i;
		return;
	}
	if ((size_t)i * sizeof(*sum) == c->values.len) {
		sum = buf_reserve(&c->values, sizeof(*sum));
		if (sum)
			*sum = 0;
	}
	if (buf_error(&c->values)) {
		w->error = buf_error(&c->values);
		return;
	}
	sum = (int64_t *)(void *)c->values.data + i;
	if (__builtin_add_overflow(*sum, value, sum))
		*sum = INT64_MAX;
	if (__builtin_add_overflow(c->total, value, &c->total))
		c->total = INT64_MAX;
}

static void add_sample(struct collapser *w, uint32_t i, unsigned int which)
{
	const struct profile *p = w->p;
	int64_t value =
		((const int64_t *)(const void *)p->values.data)[(size_t)i * p->nvalues + which];
	const uint32_t *key = intern_key(&p->samples, i, NULL);
	struct frames f = {.n = 0};
	const uint32_t *stack;
	size_t len;

	if (!value)
		return;
	stack = intern_key(&p->stacks, key[0], &len);
	for (size_t k = 0; k < len / sizeof(*stack); k++)
		push_location(w, &f, stack[k]);
	if (f.cut)
		f.names[f.n++] = add_text(w, "[too deep]", strlen("[too deep]"));
	add_value(w, &f, value);
}

int collapsed_init(struct collapsed *c, const struct profile *p, unsigned int value)
{
	_cleanup_free_ uint32_t *names = calloc(p->strings.n + (size_t)1, sizeof(*names));
	struct collapser w = {.c = c, .p = p, .names = names};

	*c = (struct collapsed){.total = 0};
	if (!names)
		return -ENOMEM;
	for (uint32_t i = 0; i < p->samples.n && !w.error; i++)
		add_sample(&w, i, value);
	return w.error;
}

void collapsed_deinit(struct collapsed *c)
{
	intern_deinit(&c->names);
	intern_deinit(&c->stacks);
	buf_deinit(&c->values);
}

int64_t collapsed_value(const struct collapsed *c, uint32_t i)
{
	return ((const int64_t *)(const void *)c->values.data)[i];
}

const uint32_t *collapsed_stack(const struct collapsed *c, uint32_t i, uint32_t *depth)
{
	size_t len;
	const uint32_t *stack = intern_key(&c->stacks, i, &len);

	*depth = (uint32_t)(len / sizeof(*stack));
	return stack;
}

/* Separators of the format in a name would make another stack of it. */
static void put_name(struct buf *out, const char *name, size_t len)
{
	size_t from = out->len;

	buf_printable(out, name, len);
	for (size_t i = from; i < out->len; i++)
		if (out->data[i] == ';')
			out->data[i] = ':';
}

void collapsed_folded(const struct collapsed *c, struct buf *out)
{
	for (uint32_t i = 0; i < c->stacks.n; i++) {
		uint32_t depth;
		const uint32_t *stack = collapsed_stack(c, i, &depth);

		for (uint32_t k = 0; k < depth; k++) {
			size_t len;
			const char *name = intern_key(&c->names, stack[k], &len);

			if (k)
				buf_puts(out, ";");
			put_name(out, name, len);
		}
		buf_printf(out, " %" PRId64 "\n", collapsed_value(c, i));
	}
}
