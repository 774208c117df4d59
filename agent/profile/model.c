// SPDX-License-Identifier: GPL-2.0-or-later
#include "model.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* Keys are compared byte by byte, so none of them may have padding. */
_Static_assert(sizeof(struct profile_location_key) == 16, "padding");
_Static_assert(sizeof(struct profile_label) == 16, "padding");

struct sample_key {
	uint32_t stack;
	uint32_t labels;
};

/* A buffer's first error sticks to it; here the caller is told, and may go on with what is there.
 */
static int take_error(struct buf *b)
{
	int err = b->error;

	b->error = 0;
	return err;
}

int profile_init(struct profile *p, size_t max_bytes)
{
	int64_t empty;

	*p = (struct profile){.max_bytes = max_bytes, .main_mapping = PROFILE_NO_MAPPING};
	empty = profile_string(p, "");
	if (empty < 0) {
		profile_deinit(p);
		return (int)empty;
	}
	return 0;
}

void profile_deinit(struct profile *p)
{
	for (uint32_t i = 0; i < profile_nmappings(p); i++) {
		free(profile_mapping(p, i)->file);
		free(profile_mapping(p, i)->build_id);
	}
	intern_deinit(&p->strings);
	intern_deinit(&p->locations);
	intern_deinit(&p->stacks);
	intern_deinit(&p->labels);
	intern_deinit(&p->samples);
	buf_deinit(&p->values);
	buf_deinit(&p->mappings);
	buf_deinit(&p->location_lines);
	buf_deinit(&p->lines);
	intern_deinit(&p->comments);
	*p = (struct profile){.main_mapping = PROFILE_NO_MAPPING};
}

static size_t string_bytes(const char *s)
{
	return s ? strlen(s) + 1 : 0;
}

size_t profile_bytes(const struct profile *p)
{
	const struct profile_mapping *m = (const void *)p->mappings.data;
	size_t n = 0;

	for (uint32_t i = 0; i < profile_nmappings(p); i++)
		n += string_bytes(m[i].file) + string_bytes(m[i].build_id);
	n += intern_bytes(&p->strings) + intern_bytes(&p->locations) + intern_bytes(&p->stacks);
	n += intern_bytes(&p->labels) + intern_bytes(&p->samples);
	n += p->values.cap + p->mappings.cap + p->location_lines.cap;
	return n + p->lines.cap + intern_bytes(&p->comments);
}

/* What @n more bytes make a buffer grow by: it doubles. */
static size_t buf_growth(const struct buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;

	while (cap - b->len < n)
		cap *= 2;
	return cap - b->cap;
}

/* What a new key makes the table grow by: its bytes, and its slots double when half full. */
static size_t intern_growth(const struct intern *t, size_t len)
{
	size_t slots = 0;

	if (t->n >= t->nslots / 2)
		slots = (t->nslots ? t->nslots : 64) * (sizeof(*t->slots) + sizeof(*t->ends) / 2);
	return slots + buf_growth(&t->keys, len);
}

/* profile_bytes() looks at every mapping, but growth is nearly always 0. */
static bool has_room(const struct profile *p, size_t growth)
{
	size_t have;

	if (!p->max_bytes || !growth)
		return true;
	have = profile_bytes(p);
	return have <= p->max_bytes && growth <= p->max_bytes - have;
}

int64_t profile_string(struct profile *p, const char *s)
{
	return s ? intern_add(&p->strings, s, strlen(s)) : 0;
}

int64_t profile_mapping_add(struct profile *p, const struct profile_mapping *m)
{
	_cleanup_free_ char *file = strdup(m->file ? m->file : "");
	_cleanup_free_ char *build_id = strdup(m->build_id ? m->build_id : "");
	struct profile_mapping *to;

	if (!file || !build_id)
		return -ENOMEM;
	to = buf_reserve(&p->mappings, sizeof(*to));
	if (!to)
		return take_error(&p->mappings);
	*to = *m;
	to->file = take_ptr(file);
	to->build_id = take_ptr(build_id);
	return profile_nmappings(p) - 1;
}

struct profile_mapping *profile_mapping(struct profile *p, uint32_t i)
{
	return (struct profile_mapping *)(void *)p->mappings.data + i;
}

uint32_t profile_nmappings(const struct profile *p)
{
	return (uint32_t)(p->mappings.len / sizeof(struct profile_mapping));
}

void profile_mapping_main(struct profile *p, uint32_t i)
{
	p->main_mapping = i;
}

static int64_t find_or_add_location(struct profile *p, const struct profile_location_key *key)
{
	int64_t known = intern_find(&p->locations, key, sizeof(*key));

	if (known >= 0)
		return known;
	if (!has_room(p, intern_growth(&p->locations, sizeof(*key))))
		return -EFBIG;
	return intern_add(&p->locations, key, sizeof(*key));
}

/* Most frames of a stack are those of the one before; a mapping that grows keeps what it has. */
int64_t profile_location(struct profile *p, uint32_t mapping, uint64_t addr)
{
	/* images begin at a page's start, so that many have code at the same place of a page */
	uint64_t hash = hash_u64(addr) >> (64 - PROFILE_RECENT_BITS);
	struct profile_recent *r = &p->recent[hash];
	struct profile_location_key key = {.addr = addr, .mapping = mapping};
	int64_t number;

	if (r->number && r->addr == addr && r->mapping == mapping)
		return r->number - 1;
	if (mapping != PROFILE_NO_MAPPING) {
		const struct profile_mapping *m;

		if (mapping >= profile_nmappings(p))
			return -EINVAL;
		m = profile_mapping(p, mapping);
		if (addr < m->start || addr >= m->limit)
			key.mapping = PROFILE_NO_MAPPING;
	}
	number = find_or_add_location(p, &key);
	if (number >= 0 && key.mapping == mapping)
		*r = (struct profile_recent){
			.addr = addr,
			.mapping = mapping,
			.number = (uint32_t)number + 1,
		};
	return number;
}

int64_t profile_synthetic(struct profile *p, const char *name)
{
	struct profile_location_key key = {.mapping = PROFILE_NO_MAPPING};
	int64_t s = profile_string(p, name);

	if (s < 0)
		return s;
	key.name = (uint32_t)s;
	return intern_add(&p->locations, &key, sizeof(key));
}

struct profile_location_key profile_location_get(const struct profile *p, uint32_t i)
{
	struct profile_location_key key;

	memcpy(&key, intern_key(&p->locations, i, NULL), sizeof(key));
	return key;
}

/* Copies labels in the order of their keys: equal sets must have equal bytes. */
static int sort_labels(const struct profile *p, struct profile_label *to,
		       const struct profile_label *from, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct profile_label l = from[i];
		unsigned int at = i;

		if (!l.key || l.key >= p->strings.n || l.str >= p->strings.n)
			return -EINVAL;
		if (l.str)
			l.num = 0;
		for (; at && to[at - 1].key >= l.key; at--) {
			if (to[at - 1].key == l.key)
				return -EINVAL;
			to[at] = to[at - 1];
		}
		to[at] = l;
	}
	return 0;
}

static int check_sample(const struct profile *p, const uint32_t *stack, unsigned int depth,
			unsigned int nlabels)
{
	if (!depth || depth > PROFILE_STACK_MAX || nlabels > PROFILE_LABELS_MAX)
		return -EINVAL;
	if (!p->nvalues || p->nvalues > PROFILE_VALUES_MAX)
		return -EINVAL;
	for (unsigned int i = 0; i < depth; i++)
		if (stack[i] >= p->locations.n)
			return -EINVAL;
	return 0;
}

/* Whether there is room for a sample that is new, and for @stack_len and @labels_len bytes of what
 * is new in it. */
static bool sample_fits(const struct profile *p, size_t stack_len, size_t labels_len)
{
	size_t growth = intern_growth(&p->samples, sizeof(struct sample_key));

	if (stack_len)
		growth += intern_growth(&p->stacks, stack_len);
	if (labels_len)
		growth += intern_growth(&p->labels, labels_len);
	growth += buf_growth(&p->values, p->nvalues * sizeof(int64_t));
	return has_room(p, growth);
}

/* A sample that is new. The room for its values comes first, so that no sample is ever without. */
static int64_t sample_add(struct profile *p, const struct sample_key *key)
{
	size_t bytes = p->nvalues * sizeof(int64_t);
	void *values = buf_reserve(&p->values, bytes);
	int64_t i;

	if (!values)
		return take_error(&p->values);
	memset(values, 0, bytes);
	i = intern_add(&p->samples, key, sizeof(*key));
	if (i < 0)
		p->values.len -= bytes;
	return i;
}

static int64_t add_saturated(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return b > 0 ? INT64_MAX : INT64_MIN;
	return sum;
}

void profile_count(struct profile *p, uint32_t sample, const int64_t *values)
{
	int64_t *to = (int64_t *)(void *)p->values.data + (size_t)sample * p->nvalues;

	for (unsigned int i = 0; i < p->nvalues; i++)
		to[i] = add_saturated(to[i], values[i]);
}

/* The number of a sample, from the bytes of its stack and of its sorted labels. */
static int64_t sample_number(struct profile *p, const void *stack, size_t stack_len,
			     const void *labels, size_t labels_len)
{
	int64_t s = intern_find(&p->stacks, stack, stack_len);
	int64_t l = intern_find(&p->labels, labels, labels_len), known;
	struct sample_key key = {.stack = (uint32_t)s, .labels = (uint32_t)l};

	if (s >= 0 && l >= 0) {
		known = intern_find(&p->samples, &key, sizeof(key));
		if (known >= 0)
			return known;
	}
	if (!sample_fits(p, s < 0 ? stack_len : 0, l < 0 ? labels_len : 0))
		return -EFBIG;
	if (s < 0)
		s = intern_add(&p->stacks, stack, stack_len);
	if (s < 0)
		return s;
	if (l < 0)
		l = intern_add(&p->labels, labels, labels_len);
	if (l < 0)
		return l;
	key = (struct sample_key){.stack = (uint32_t)s, .labels = (uint32_t)l};
	return sample_add(p, &key);
}

int64_t profile_sample(struct profile *p, const uint32_t *stack, unsigned int depth,
		       const struct profile_label *labels, unsigned int nlabels)
{
	struct profile_label sorted[PROFILE_LABELS_MAX];
	int err = check_sample(p, stack, depth, nlabels);

	if (!err)
		err = sort_labels(p, sorted, labels, nlabels);
	if (err)
		return err;
	return sample_number(p, stack, depth * sizeof(*stack), sorted, nlabels * sizeof(*sorted));
}

int profile_add(struct profile *p, const uint32_t *stack, unsigned int depth,
		const struct profile_label *labels, unsigned int nlabels, const int64_t *values)
{
	int64_t i = profile_sample(p, stack, depth, labels, nlabels);

	if (i < 0)
		return (int)i;
	profile_count(p, (uint32_t)i, values);
	return 0;
}

static struct sample_key sample_key(const struct profile *p, uint32_t sample)
{
	struct sample_key key;

	memcpy(&key, intern_key(&p->samples, sample, NULL), sizeof(key));
	return key;
}

const struct profile_label *profile_labels(const struct profile *p, uint32_t sample, size_t *n)
{
	const void *labels = intern_key(&p->labels, sample_key(p, sample).labels, n);

	*n /= sizeof(struct profile_label);
	return labels;
}

const uint32_t *profile_stack(const struct profile *p, uint32_t sample, size_t *depth)
{
	const void *stack = intern_key(&p->stacks, sample_key(p, sample).stack, depth);

	*depth /= sizeof(uint32_t);
	return stack;
}

const int64_t *profile_values(const struct profile *p, uint32_t sample)
{
	return (const int64_t *)(const void *)p->values.data + (size_t)sample * p->nvalues;
}

int profile_comment(struct profile *p, const char *fmt, ...)
{
	_cleanup_buf_ struct buf text = {0};
	int64_t i;
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&text, fmt, ap);
	va_end(ap);
	if (buf_error(&text))
		return buf_error(&text);
	i = intern_add(&p->comments, text.data ? text.data : "", text.len);
	return i < 0 ? (int)i : 0;
}

/* The entry of a location in location_lines, which reaches only as far as names were given. */
static struct profile_location_lines *lines_of(struct profile *p, uint32_t location)
{
	struct profile_location_lines *all;
	size_t have = p->location_lines.len / sizeof(*all);

	if (location >= have) {
		size_t bytes = (location + (size_t)1 - have) * sizeof(*all);
		void *more = buf_reserve(&p->location_lines, bytes);

		if (!more)
			return NULL;
		memset(more, 0, bytes);
	}
	all = (void *)p->location_lines.data;
	return &all[location];
}

/* What of @lines is kept; returns how many, or -EINVAL. */
static int pick_lines(const struct profile *p, struct profile_line *to,
		      const struct profile_line *lines, uint32_t n)
{
	int kept = 0;

	for (uint32_t i = 0; i < n; i++) {
		if (lines[i].name >= p->strings.n || lines[i].file >= p->strings.n)
			return -EINVAL;
		if (!lines[i].name)
			continue;
		/* The last one is the function that the symbol table knows: never lose it. */
		if (kept == PROFILE_LINES_MAX)
			kept--;
		to[kept++] = lines[i];
	}
	return kept;
}

int profile_name(struct profile *p, uint32_t location, const struct profile_line *lines, uint32_t n)
{
	struct profile_line kept[PROFILE_LINES_MAX];
	struct profile_location_lines *at;
	int nkept;

	if (location >= p->locations.n)
		return -EINVAL;
	nkept = pick_lines(p, kept, lines, n);
	if (nkept < 0)
		return nkept;
	at = lines_of(p, location);
	if (!at)
		return take_error(&p->location_lines);
	/* Fewer lines than before go where those were. */
	if ((uint32_t)nkept > at->n) {
		size_t first = p->lines.len / sizeof(*kept);

		if (!buf_reserve(&p->lines, (size_t)nkept * sizeof(*kept)))
			return take_error(&p->lines);
		at->first = (uint32_t)first;
	}
	at->n = (uint32_t)nkept;
	if (nkept)
		memcpy(p->lines.data + at->first * sizeof(*kept), kept,
		       (size_t)nkept * sizeof(*kept));
	return 0;
}

const struct profile_line *profile_location_lines(const struct profile *p, uint32_t i, uint32_t *n)
{
	const struct profile_location_lines *at = (const void *)p->location_lines.data;
	const struct profile_line *lines = (const void *)p->lines.data;

	*n = i < p->location_lines.len / sizeof(*at) ? at[i].n : 0;
	return *n ? &lines[at[i].first] : NULL;
}

const char *profile_text(const struct profile *p, uint32_t i, size_t *len)
{
	return intern_key(&p->strings, i, len);
}

const char *profile_location_name(const struct profile *p, uint32_t i, size_t *len)
{
	uint32_t n;
	const struct profile_line *lines = profile_location_lines(p, i, &n);

	return lines ? profile_text(p, lines[0].name, len) : NULL;
}
