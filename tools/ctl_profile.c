// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_profile.h"

#include <errno.h>
#include <string.h>
#include <zlib.h>

#include "../agent/base/cleanup.h"
#include "../agent/base/hash.h"

/* More is no profile. */
enum { PROFILE_BYTES_MAX = 256 << 20, READ_BYTES = 64 << 10 };

/* Field numbers of profile.proto. */
enum { PROFILE_MAPPING = 3, PROFILE_LOCATION = 4, PROFILE_FUNCTION = 5, PROFILE_STRING = 6 };
enum {
	MAPPING_ID = 1,
	MAPPING_START = 2,
	MAPPING_OFFSET = 4,
	MAPPING_FILE = 5,
	MAPPING_BUILD_ID = 6,
	MAPPING_HAS_FUNCTIONS = 7,
	MAPPING_HAS_FILENAMES = 8,
	MAPPING_HAS_LINES = 9,
	MAPPING_HAS_INLINES = 10
};
enum { LOCATION_ID = 1, LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };
enum { LINE_FUNCTION = 1, LINE_LINE = 2 };
enum { FUNCTION_ID = 1, FUNCTION_NAME, FUNCTION_SYSTEM_NAME, FUNCTION_FILE, FUNCTION_START };
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* ---- reading */

struct cursor {
	const unsigned char *at;
	const unsigned char *end;
};

/* @whole: the field with its key. */
struct field {
	uint64_t number;
	uint64_t value;
	struct cursor bytes;
	struct cursor whole;
};

static bool take_varint(struct cursor *c, uint64_t *out)
{
	*out = 0;
	for (unsigned int shift = 0; shift < 64 && c->at < c->end; shift += 7) {
		unsigned char b = *c->at++;

		*out |= (uint64_t)(b & 0x7f) << shift;
		if (!(b & 0x80))
			return true;
	}
	return false;
}

/* Returns 1, 0 at the end, or -EBADMSG. */
static int take_field(struct cursor *c, struct field *f)
{
	uint64_t key, skip = 0;

	*f = (struct field){.whole = {c->at, c->at}};
	if (c->at == c->end)
		return 0;
	if (!take_varint(c, &key))
		return -EBADMSG;
	f->number = key >> 3;
	switch (key & 7) {
	case WIRE_VARINT:
		if (!take_varint(c, &f->value))
			return -EBADMSG;
		break;
	case WIRE_BYTES:
		if (!take_varint(c, &skip))
			return -EBADMSG;
		break;
	case WIRE_64:
	case WIRE_32:
		skip = (key & 7) == WIRE_64 ? 8 : 4;
		break;
	default:
		return -EBADMSG;
	}
	if (skip > (uint64_t)(c->end - c->at))
		return -EBADMSG;
	f->bytes = (struct cursor){c->at, c->at + skip};
	c->at += skip;
	f->whole.end = c->at;
	return 1;
}

/* The number fields of a message below @n; others are left out. */
static int take_numbers(struct cursor message, uint64_t *values, size_t n)
{
	struct field f;
	int more;

	while ((more = take_field(&message, &f)) > 0)
		if (f.number < n)
			values[f.number] = f.value;
	return more;
}

static struct cursor all_of(const struct ctl_profile *p)
{
	const unsigned char *at = (const void *)p->raw.data;

	return (struct cursor){at, at + p->raw.len};
}

static int read_file(struct buf *out, const char *path)
{
	gzFile f = gzopen(path, "rbe");
	int n = 0;

	if (!f)
		return errno ? -errno : -ENOMEM;
	out->max = PROFILE_BYTES_MAX;
	do {
		void *to = buf_reserve(out, READ_BYTES);

		n = to ? gzread(f, to, READ_BYTES) : -1;
		out->len -= to ? READ_BYTES - (size_t)(n > 0 ? n : 0) : 0;
	} while (n > 0);
	gzclose(f);
	return buf_error(out) ? buf_error(out) : n < 0 ? -EBADMSG : 0;
}

static void copy_string(const struct ctl_profile *p, uint64_t index, char *out, size_t size)
{
	const struct cursor *strings = (const void *)p->strings.data;
	size_t n = 0;

	if (index < p->strings.len / sizeof(*strings))
		for (const unsigned char *at = strings[index].at;
		     at < strings[index].end && n + 1 < size; at++)
			out[n++] = *at < ' ' || *at > '~' ? '?' : (char)*at;
	out[n] = '\0';
}

static int load_mapping(struct ctl_profile *p, struct cursor message)
{
	uint64_t v[MAPPING_HAS_INLINES + 1] = {0};
	struct ctl_mapping m = {0};
	int err = take_numbers(message, v, ARRAY_SIZE(v));

	if (err)
		return err;
	m.id = v[MAPPING_ID];
	m.start = v[MAPPING_START];
	m.offset = v[MAPPING_OFFSET];
	m.named = v[MAPPING_HAS_FUNCTIONS];
	copy_string(p, v[MAPPING_FILE], m.file, sizeof(m.file));
	copy_string(p, v[MAPPING_BUILD_ID], m.build_id, sizeof(m.build_id));
	buf_append(&p->mappings, &m, sizeof(m));
	return buf_error(&p->mappings);
}

struct ctl_mapping *ctl_profile_mappings(const struct ctl_profile *p, size_t *n)
{
	*n = p->mappings.len / sizeof(struct ctl_mapping);
	return (void *)p->mappings.data;
}

static struct ctl_mapping *find_mapping(const struct ctl_profile *p, uint64_t id)
{
	size_t n;
	struct ctl_mapping *m = ctl_profile_mappings(p, &n);

	for (size_t i = 0; i < n; i++)
		if (m[i].id == id)
			return &m[i];
	return NULL;
}

static int load_location(struct ctl_profile *p, struct cursor message)
{
	uint64_t v[LOCATION_ADDRESS + 1] = {0}, offset;
	struct ctl_mapping *m;
	int err = take_numbers(message, v, ARRAY_SIZE(v));

	m = err ? NULL : find_mapping(p, v[LOCATION_MAPPING]);
	if (!m)
		return err;
	offset = v[LOCATION_ADDRESS] - m->start + m->offset;
	buf_append(&m->offsets, &offset, sizeof(offset));
	return buf_error(&m->offsets);
}

static int load_function(struct ctl_profile *p, struct cursor message)
{
	uint64_t v[FUNCTION_ID + 1] = {0};
	int err = take_numbers(message, v, ARRAY_SIZE(v));

	if (!err && v[FUNCTION_ID] > p->last_function)
		p->last_function = v[FUNCTION_ID];
	return err;
}

/* Fields come in any order: strings first, then what refers to them. */
static int load_fields(struct ctl_profile *p, uint64_t number,
		       int (*load)(struct ctl_profile *p, struct cursor message))
{
	struct cursor c = all_of(p);
	struct field f;
	int more;

	while ((more = take_field(&c, &f)) > 0) {
		int err = f.number == number ? load(p, f.bytes) : 0;

		if (err)
			return err;
	}
	return more;
}

static int load_string(struct ctl_profile *p, struct cursor message)
{
	buf_append(&p->strings, &message, sizeof(message));
	return buf_error(&p->strings);
}

int ctl_profile_load(struct ctl_profile *p, const char *path)
{
	int err = read_file(&p->raw, path);

	if (!err)
		err = load_fields(p, PROFILE_STRING, load_string);
	if (!err)
		err = load_fields(p, PROFILE_MAPPING, load_mapping);
	if (!err)
		err = load_fields(p, PROFILE_LOCATION, load_location);
	if (!err)
		err = load_fields(p, PROFILE_FUNCTION, load_function);
	return err;
}

void ctl_profile_deinit(struct ctl_profile *p)
{
	size_t n;
	struct ctl_mapping *m = ctl_profile_mappings(p, &n);

	for (size_t i = 0; i < n; i++) {
		buf_deinit(&m[i].names);
		buf_deinit(&m[i].offsets);
	}
	buf_deinit(&p->mappings);
	buf_deinit(&p->raw);
	buf_deinit(&p->strings);
}

/* ---- writing */

/* A function that is added. */
struct function {
	uint64_t name;
	uint64_t file;
	uint64_t start_line;
};

/**
 * struct writer - a profile on its way out
 * @strings: texts that are added, behind those that are there
 * @functions: struct function, as keys
 * @used: size_t for each mapping: locations that have been written
 */
struct writer {
	const struct ctl_profile *p;
	struct buf out;
	struct intern strings;
	struct intern functions;
	struct buf used;
};

static void put_varint(struct buf *out, uint64_t v)
{
	unsigned char bytes[10];
	size_t n = 0;

	do {
		bytes[n] = (unsigned char)(v & 0x7f) | (v > 0x7f ? 0x80 : 0);
		n++;
		v >>= 7;
	} while (v);
	buf_append(out, bytes, n);
}

static void put_number(struct buf *out, uint64_t field, uint64_t v)
{
	put_varint(out, field << 3 | WIRE_VARINT);
	put_varint(out, v);
}

static void put_bytes(struct buf *out, uint64_t field, const void *data, size_t len)
{
	put_varint(out, field << 3 | WIRE_BYTES);
	put_varint(out, len);
	buf_append(out, data, len);
}

/* The number of a text; 0, the empty one, without memory, which the table remembers. */
static uint64_t string(struct writer *w, const char *text)
{
	int64_t i = *text ? intern_add(&w->strings, text, strlen(text)) : -1;

	return i < 0 ? 0 : w->p->strings.len / sizeof(struct cursor) + (uint64_t)i;
}

static uint64_t function(struct writer *w, const struct name_line *l)
{
	const struct function key = {string(w, l->name), string(w, l->file), l->start_line};
	int64_t i = intern_add(&w->functions, &key, sizeof(key));

	return i < 0 ? 0 : w->p->last_function + 1 + (uint64_t)i;
}

static void put_line(struct writer *w, struct buf *out, const struct name_line *l)
{
	_cleanup_buf_ struct buf line = {0};

	put_number(&line, LINE_FUNCTION, function(w, l));
	if (l->line)
		put_number(&line, LINE_LINE, l->line);
	put_bytes(out, LOCATION_LINE, line.data, line.len);
	out->error = out->error ? out->error : line.error;
}

/* Which of its mapping's locations this is, they being told in the same order as they were read. */
static size_t next_of(struct writer *w, const struct ctl_mapping *m)
{
	size_t n;
	const struct ctl_mapping *first = ctl_profile_mappings(w->p, &n);
	size_t *used = (void *)w->used.data;

	return used[m - first]++;
}

static int put_location(struct writer *w, const struct field *f)
{
	_cleanup_buf_ struct buf out = {0};
	uint64_t v[LOCATION_ADDRESS + 1] = {0};
	struct ctl_mapping *m;
	struct names names;
	uint32_t i;
	int err = take_numbers(f->bytes, v, ARRAY_SIZE(v));

	if (err)
		return err;
	m = find_mapping(w->p, v[LOCATION_MAPPING]);
	i = m ? (uint32_t)next_of(w, m) : 0;
	if (!m || !m->names.len || names_map(m->names.data, m->names.len, &names) ||
	    i >= names.naddrs || !names_count(&names, i)) {
		buf_append(&w->out, f->whole.at, (size_t)(f->whole.end - f->whole.at));
		return 0;
	}
	put_number(&out, LOCATION_ID, v[LOCATION_ID]);
	put_number(&out, LOCATION_MAPPING, v[LOCATION_MAPPING]);
	put_number(&out, LOCATION_ADDRESS, v[LOCATION_ADDRESS]);
	for (uint32_t k = 0; k < names_count(&names, i); k++) {
		const struct name_line l = names_get(&names, i, k);

		put_line(w, &out, &l);
	}
	put_bytes(&w->out, PROFILE_LOCATION, out.data, out.len);
	return buf_error(&out);
}

static int put_mapping(struct writer *w, const struct field *f)
{
	_cleanup_buf_ struct buf out = {0};
	struct cursor c = f->bytes;
	struct ctl_mapping *m;
	struct names names;
	uint64_t v[MAPPING_ID + 1] = {0};
	struct field inner;
	int more = take_numbers(f->bytes, v, ARRAY_SIZE(v));

	if (more)
		return more;
	m = find_mapping(w->p, v[MAPPING_ID]);
	if (!m || !m->names.len || names_map(m->names.data, m->names.len, &names)) {
		buf_append(&w->out, f->whole.at, (size_t)(f->whole.end - f->whole.at));
		return 0;
	}
	while ((more = take_field(&c, &inner)) > 0)
		if (inner.number < MAPPING_HAS_FUNCTIONS)
			buf_append(&out, inner.whole.at,
				   (size_t)(inner.whole.end - inner.whole.at));
	put_number(&out, MAPPING_HAS_FUNCTIONS, 1);
	put_number(&out, MAPPING_HAS_FILENAMES, !!(names.flags & NAMES_HAVE_LINES));
	put_number(&out, MAPPING_HAS_LINES, !!(names.flags & NAMES_HAVE_LINES));
	put_number(&out, MAPPING_HAS_INLINES, !!(names.flags & NAMES_HAVE_INLINES));
	put_bytes(&w->out, PROFILE_MAPPING, out.data, out.len);
	return more ? more : buf_error(&out);
}

/* Functions and texts that are new, behind all that there was. */
static int put_added(struct writer *w)
{
	for (uint32_t i = 0; i < w->functions.n; i++) {
		_cleanup_buf_ struct buf out = {0};
		struct function fn;
		size_t len;

		memcpy(&fn, intern_key(&w->functions, i, &len), sizeof(fn));
		put_number(&out, FUNCTION_ID, w->p->last_function + 1 + i);
		put_number(&out, FUNCTION_NAME, fn.name);
		put_number(&out, FUNCTION_SYSTEM_NAME, fn.name);
		put_number(&out, FUNCTION_FILE, fn.file);
		put_number(&out, FUNCTION_START, fn.start_line);
		put_bytes(&w->out, PROFILE_FUNCTION, out.data, out.len);
		if (buf_error(&out))
			return buf_error(&out);
	}
	for (uint32_t i = 0; i < w->strings.n; i++) {
		size_t len;
		const void *text = intern_key(&w->strings, i, &len);

		put_bytes(&w->out, PROFILE_STRING, text, len);
	}
	if (buf_error(&w->strings.keys) || buf_error(&w->functions.keys))
		return -ENOMEM;
	return buf_error(&w->out);
}

static int put_all(struct writer *w)
{
	struct cursor c = all_of(w->p);
	struct field f;
	int more, err = 0;

	while (!err && (more = take_field(&c, &f)) > 0) {
		if (f.number == PROFILE_LOCATION)
			err = put_location(w, &f);
		else if (f.number == PROFILE_MAPPING)
			err = put_mapping(w, &f);
		else
			buf_append(&w->out, f.whole.at, (size_t)(f.whole.end - f.whole.at));
	}
	return err ? err : put_added(w);
}

static int write_file(const struct buf *b, const char *path)
{
	gzFile f = gzopen(path, "wbe");
	int err = 0;

	if (!f)
		return errno ? -errno : -ENOMEM;
	errno = 0;
	if (b->len && gzwrite(f, b->data, (unsigned int)b->len) <= 0)
		err = errno ? -errno : -EIO;
	if (gzclose(f) != Z_OK && !err)
		err = errno ? -errno : -EIO;
	return err;
}

int ctl_profile_save(const struct ctl_profile *p, const char *path)
{
	struct writer w = {.p = p};
	static const size_t none;
	size_t n;
	int err;

	ctl_profile_mappings(p, &n);
	while (n--)
		buf_append(&w.used, &none, sizeof(none));
	err = buf_error(&w.used);
	if (!err)
		err = put_all(&w);
	if (!err)
		err = write_file(&w.out, path);
	buf_deinit(&w.used);
	buf_deinit(&w.out);
	intern_deinit(&w.strings);
	intern_deinit(&w.functions);
	return err;
}
