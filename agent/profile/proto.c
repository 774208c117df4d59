// SPDX-License-Identifier: GPL-2.0-or-later
#include "proto.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/hash.h"
#include "model.h"
#include "wire.h"

/* Field numbers of profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE = 2,
	PROFILE_MAPPING = 3,
	PROFILE_LOCATION = 4,
	PROFILE_FUNCTION = 5,
	PROFILE_STRING_TABLE = 6,
	PROFILE_DROP_FRAMES = 7,
	PROFILE_TIME_NANOS = 9,
	PROFILE_DURATION_NANOS = 10,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD = 12,
	PROFILE_COMMENT = 13,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };
enum { SAMPLE_LOCATION_ID = 1, SAMPLE_VALUE = 2, SAMPLE_LABEL = 3 };
enum { LABEL_KEY = 1, LABEL_STR = 2, LABEL_NUM = 3 };
enum {
	MAPPING_ID = 1,
	MAPPING_MEMORY_START = 2,
	MAPPING_MEMORY_LIMIT = 3,
	MAPPING_FILE_OFFSET = 4,
	MAPPING_FILENAME = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILENAMES = 8,
	MAPPING_HAS_LINE_NUMBERS = 9,
	MAPPING_HAS_INLINE_FRAMES = 10
};
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION_ID = 1, LINE_LINE = 2 };
enum {
	FUNCTION_ID = 1,
	FUNCTION_NAME = 2,
	FUNCTION_SYSTEM_NAME = 3,
	FUNCTION_FILENAME = 4,
	FUNCTION_START_LINE = 5
};

enum {
	SAMPLE_MAX = (1 + 2 + PROFILE_STACK_MAX * 5) + (1 + 1 + PROFILE_VALUES_MAX * 10) +
		     PROFILE_LABELS_MAX * (2 + 2 * WIRE_FIELD32_MAX + WIRE_FIELD64_MAX),
	LOCATION_MAX = 2 * WIRE_FIELD32_MAX + WIRE_FIELD64_MAX +
		       PROFILE_LINES_MAX * (2 + WIRE_FIELD32_MAX + WIRE_FIELD64_MAX),
};
_Static_assert((int)SAMPLE_MAX <= (int)WIRE_MSG_MAX, "every sample fits");
_Static_assert((int)LOCATION_MAX <= (int)WIRE_MSG_MAX, "every location fits");

/**
 * struct numbering - numbers from 1 in the order in which things are first asked for
 * @ids: for each thing its number, 0 while it has none
 * @order: things by number - 1
 * @n: numbers given
 */
struct numbering {
	uint32_t *ids;
	uint32_t *order;
	uint32_t n;
};

/* What functions are told apart by; strings are numbers in the profile. */
struct function_key {
	uint32_t name;
	uint32_t file;
	int64_t start_line;
};
_Static_assert(sizeof(struct function_key) == 16, "no padding");

struct writer {
	const struct profile *p;
	struct wire wire;
	int error;
	/* Strings are numbered as in the profile, those of other places (extra) behind them. */
	struct intern extra;
	struct numbering strings;
	struct numbering locations;
	struct numbering mappings;
	struct intern functions; /* keys: struct function_key */
};

static int numbering_init(struct numbering *nb, size_t count)
{
	nb->ids = calloc(count + 1, sizeof(*nb->ids));
	nb->order = calloc(count + 1, sizeof(*nb->order));
	return nb->ids && nb->order ? 0 : -ENOMEM;
}

static void numbering_deinit(struct numbering *nb)
{
	free(nb->ids);
	free(nb->order);
}

static uint32_t number(struct numbering *nb, uint32_t thing)
{
	if (!nb->ids[thing]) {
		nb->order[nb->n++] = thing;
		nb->ids[thing] = nb->n;
	}
	return nb->ids[thing];
}

/* Strings. */

/* Number in the string table of string @s of the profile. */
static uint32_t string_ref(struct writer *w, uint32_t s)
{
	return number(&w->strings, s) - 1;
}

/* The same for a text that may not be among the profile's strings. */
static uint32_t bytes_ref(struct writer *w, const void *s, size_t len)
{
	int64_t i = len ? intern_find(&w->p->strings, s, len) : 0;

	if (i >= 0)
		return string_ref(w, (uint32_t)i);
	i = intern_add(&w->extra, s, len);
	if (i < 0) {
		w->error = (int)i;
		return 0;
	}
	return string_ref(w, w->p->strings.n + (uint32_t)i);
}

static uint32_t text_ref(struct writer *w, const char *s)
{
	return bytes_ref(w, s, s ? strlen(s) : 0);
}

/* Comes last: by then all that is referred to has its number. */
static void put_strings(struct writer *w)
{
	uint32_t own = w->p->strings.n;

	for (uint32_t i = 0; i < w->strings.n; i++) {
		uint32_t s = w->strings.order[i];
		size_t len;
		const void *text = s < own ? intern_key(&w->p->strings, s, &len)
					   : intern_key(&w->extra, s - own, &len);

		wire_string(&w->wire, PROFILE_STRING_TABLE, text, len);
	}
}

/* Samples. */

static void put_value_type(struct writer *w, unsigned int field, const struct profile_value_type *t)
{
	struct wire_msg m = {.n = 0};

	msg_number(&m, VALUE_TYPE_TYPE, text_ref(w, t->type));
	msg_number(&m, VALUE_TYPE_UNIT, text_ref(w, t->unit));
	wire_message(&w->wire, field, &m);
}

static void msg_stack(struct writer *w, struct wire_msg *m, const uint32_t *stack, size_t depth)
{
	size_t bytes = 0;

	for (size_t i = 0; i < depth; i++)
		bytes += varint_size(number(&w->locations, stack[i]));
	msg_packed(m, SAMPLE_LOCATION_ID, bytes);
	for (size_t i = 0; i < depth; i++)
		msg_varint(m, number(&w->locations, stack[i]));
}

static void msg_values(struct wire_msg *m, const int64_t *values, size_t n)
{
	size_t begin = msg_begin(m, SAMPLE_VALUE);

	for (size_t i = 0; i < n; i++)
		msg_varint(m, (uint64_t)values[i]);
	msg_end(m, begin);
}

static void msg_labels(struct writer *w, struct wire_msg *m, const struct profile_label *labels,
		       size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t begin = msg_begin(m, SAMPLE_LABEL);

		msg_number(m, LABEL_KEY, string_ref(w, labels[i].key));
		if (labels[i].str)
			msg_number(m, LABEL_STR, string_ref(w, labels[i].str));
		else
			msg_number(m, LABEL_NUM, (uint64_t)labels[i].num);
		msg_end(m, begin);
	}
}

static bool all_zero(const int64_t *values, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (values[i])
			return false;
	return true;
}

static void put_sample(struct writer *w, uint32_t i)
{
	const struct profile *p = w->p;
	const int64_t *values =
		(const int64_t *)(const void *)p->values.data + (size_t)i * p->nvalues;
	const uint32_t *key = intern_key(&p->samples, i, NULL);
	const void *stack, *labels;
	size_t stack_len, labels_len;
	struct wire_msg m;

	if (all_zero(values, p->nvalues))
		return;
	m.n = 0;
	stack = intern_key(&p->stacks, key[0], &stack_len);
	labels = intern_key(&p->labels, key[1], &labels_len);
	msg_stack(w, &m, stack, stack_len / sizeof(uint32_t));
	msg_values(&m, values, p->nvalues);
	msg_labels(w, &m, labels, labels_len / sizeof(struct profile_label));
	wire_message(&w->wire, PROFILE_SAMPLE, &m);
}

/* Mappings. */

/* Numbers the mappings of the locations that samples refer to; the main one first, the others as
 * they were added. */
static void number_mappings(struct writer *w)
{
	uint32_t n = profile_nmappings(w->p);
	_cleanup_free_ bool *used = calloc(n + (size_t)1, sizeof(*used));

	if (!used) {
		w->error = -ENOMEM;
		return;
	}
	for (uint32_t i = 0; i < w->locations.n; i++) {
		uint32_t m = profile_location_get(w->p, w->locations.order[i]).mapping;

		if (m != PROFILE_NO_MAPPING)
			used[m] = true;
	}
	if (w->p->main_mapping < n)
		number(&w->mappings, w->p->main_mapping);
	for (uint32_t i = 0; i < n; i++)
		if (used[i])
			number(&w->mappings, i);
}

static void put_mapping(struct writer *w, uint32_t id)
{
	const struct profile_mapping *map = (const void *)w->p->mappings.data;
	struct wire_msg m;

	map += w->mappings.order[id - 1];
	m.n = 0;
	msg_number(&m, MAPPING_ID, id);
	msg_number(&m, MAPPING_MEMORY_START, map->start);
	msg_number(&m, MAPPING_MEMORY_LIMIT, map->limit);
	msg_number(&m, MAPPING_FILE_OFFSET, map->offset);
	msg_number(&m, MAPPING_FILENAME, text_ref(w, map->file));
	msg_number(&m, MAPPING_BUILD_ID, text_ref(w, map->build_id));
	msg_number(&m, MAPPING_HAS_FUNCTIONS, map->has_functions);
	msg_number(&m, MAPPING_HAS_FILENAMES, map->has_filenames);
	msg_number(&m, MAPPING_HAS_LINE_NUMBERS, map->has_lines);
	msg_number(&m, MAPPING_HAS_INLINE_FRAMES, map->has_inlines);
	wire_message(&w->wire, PROFILE_MAPPING, &m);
}

/* Locations and functions. */

static uint32_t function_id(struct writer *w, const struct profile_line *line)
{
	struct function_key key = {
		.name = line->name, .file = line->file, .start_line = line->start_line};
	int64_t i = intern_add(&w->functions, &key, sizeof(key));

	if (i < 0) {
		w->error = (int)i;
		return 0;
	}
	return (uint32_t)i + 1;
}

static void msg_line(struct writer *w, struct wire_msg *m, const struct profile_line *line)
{
	size_t begin = msg_begin(m, LOCATION_LINE);

	msg_number(m, LINE_FUNCTION_ID, function_id(w, line));
	msg_number(m, LINE_LINE, (uint64_t)line->line);
	msg_end(m, begin);
}

static void msg_lines(struct writer *w, struct wire_msg *m, uint32_t location, uint32_t synthetic)
{
	const struct profile *p = w->p;
	const struct profile_location_lines *at = (const void *)p->location_lines.data;
	const struct profile_line *lines = (const void *)p->lines.data;

	if (location < p->location_lines.len / sizeof(*at) && at[location].n)
		for (uint32_t i = 0; i < at[location].n; i++)
			msg_line(w, m, &lines[at[location].first + i]);
	else if (synthetic)
		msg_line(w, m, &(struct profile_line){.name = synthetic});
}

static void put_location(struct writer *w, uint32_t id)
{
	uint32_t location = w->locations.order[id - 1];
	struct profile_location_key key = profile_location_get(w->p, location);
	struct wire_msg m;

	m.n = 0;
	msg_number(&m, LOCATION_ID, id);
	if (key.mapping != PROFILE_NO_MAPPING)
		msg_number(&m, LOCATION_MAPPING_ID, number(&w->mappings, key.mapping));
	msg_number(&m, LOCATION_ADDRESS, key.addr);
	msg_lines(w, &m, location, key.name);
	wire_message(&w->wire, PROFILE_LOCATION, &m);
}

static void put_function(struct writer *w, uint32_t i)
{
	struct function_key key;
	uint32_t name;
	struct wire_msg m;

	memcpy(&key, intern_key(&w->functions, i, NULL), sizeof(key));
	name = string_ref(w, key.name);
	m.n = 0;
	msg_number(&m, FUNCTION_ID, i + 1);
	/* Equal names tell go tool pprof that it is to demangle them. */
	msg_number(&m, FUNCTION_NAME, name);
	msg_number(&m, FUNCTION_SYSTEM_NAME, name);
	msg_number(&m, FUNCTION_FILENAME, string_ref(w, key.file));
	msg_number(&m, FUNCTION_START_LINE, (uint64_t)key.start_line);
	wire_message(&w->wire, PROFILE_FUNCTION, &m);
}

/* The whole. */

static void put_header(struct writer *w)
{
	const struct profile *p = w->p;

	for (unsigned int i = 0; i < p->nvalues; i++)
		put_value_type(w, PROFILE_SAMPLE_TYPE, &p->sample_types[i]);
	wire_number(&w->wire, PROFILE_DROP_FRAMES, text_ref(w, p->drop_frames));
	wire_number(&w->wire, PROFILE_TIME_NANOS, (uint64_t)p->time_ns);
	wire_number(&w->wire, PROFILE_DURATION_NANOS, (uint64_t)p->duration_ns);
	if (p->period_type.type)
		put_value_type(w, PROFILE_PERIOD_TYPE, &p->period_type);
	wire_number(&w->wire, PROFILE_PERIOD, (uint64_t)p->period);
	for (uint32_t i = 0; i < p->comments.n; i++) {
		size_t len;
		const void *text = intern_key(&p->comments, i, &len);

		wire_number(&w->wire, PROFILE_COMMENT, bytes_ref(w, text, len));
	}
	wire_number(&w->wire, PROFILE_DEFAULT_SAMPLE_TYPE, text_ref(w, p->default_type));
}

static void put_profile(struct writer *w)
{
	string_ref(w, 0); /* string_table[0] is "" */
	put_header(w);
	for (uint32_t i = 0; i < w->p->samples.n; i++)
		put_sample(w, i);
	number_mappings(w);
	for (uint32_t id = 1; id <= w->mappings.n; id++)
		put_mapping(w, id);
	for (uint32_t id = 1; id <= w->locations.n; id++)
		put_location(w, id);
	for (uint32_t i = 0; i < w->functions.n; i++)
		put_function(w, i);
	put_strings(w);
	wire_finish(&w->wire);
}

static void writer_deinit(struct writer **wp)
{
	struct writer *w = *wp;

	if (!w)
		return;
	wire_deinit(&w->wire);
	intern_deinit(&w->extra);
	intern_deinit(&w->functions);
	numbering_deinit(&w->strings);
	numbering_deinit(&w->locations);
	numbering_deinit(&w->mappings);
	free(w);
}

static int writer_init(struct writer *w, const struct profile *p, struct buf *out)
{
	/* Strings of other places: types, units, comments, file and build ID of each mapping. */
	size_t extra =
		2 * (PROFILE_VALUES_MAX + 1) + 1 + p->comments.n + 2 * (size_t)profile_nmappings(p);

	w->p = p;
	if (numbering_init(&w->strings, p->strings.n + extra) ||
	    numbering_init(&w->locations, p->locations.n) ||
	    numbering_init(&w->mappings, profile_nmappings(p)))
		return -ENOMEM;
	return wire_init(&w->wire, out);
}

int proto_write(const struct profile *p, struct buf *out)
{
	_cleanup_(writer_deinit) struct writer *w = calloc(1, sizeof(*w));
	size_t before = out->len;
	int err;

	if (!w)
		return -ENOMEM;
	err = writer_init(w, p, out);
	if (err)
		return err;
	put_profile(w);
	err = w->error ? w->error : buf_error(out);
	if (err)
		out->len = before;
	return err;
}
