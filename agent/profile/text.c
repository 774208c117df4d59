// SPDX-License-Identifier: GPL-2.0-or-later
#include "text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../heap/blocks.h"
#include "demangle.h"
#include "model.h"

struct line {
	int64_t value;
	uint32_t sample;
};

/* Largest first, and as they were met: the same profile gives the same text. */
static int by_value(const void *a, const void *b)
{
	const struct line *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->sample < y->sample ? -1 : x->sample > y->sample;
}

/* The samples that count, in the order of value number @by. */
static void sort(const struct profile *p, unsigned int by, struct buf *lines)
{
	for (uint32_t i = 0; i < p->samples.n; i++) {
		const int64_t *v = profile_values(p, i);
		struct line line = {.value = v[by], .sample = i};

		if (v[by] || v[0])
			buf_append(lines, &line, sizeof(line));
	}
	if (lines->len)
		qsort(lines->data, lines->len / sizeof(struct line), sizeof(struct line), by_value);
}

/* What stands behind '#' is for people, and a name of a thread or file may hold anything. */
static void put_escaped(struct buf *out, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c < ' ' || c == 0x7f || c == '"' || c == '\\')
			buf_printf(out, "\\x%02x", c);
		else
			buf_append(out, &s[i], 1);
	}
}

static void put_text(const struct profile *p, struct buf *out, uint32_t string)
{
	size_t len;
	const char *s = profile_text(p, string, &len);

	put_escaped(out, s, len);
}

static void put_function(const struct profile *p, struct buf *out, uint32_t string)
{
	_cleanup_buf_ struct buf name = {0};
	size_t len;
	const char *s = profile_text(p, string, &len);

	demangle(s, len, &name);
	put_escaped(out, name.data, name.len);
}

/* The address behind the call: pprof takes one off each. */
static uint64_t return_address(const struct profile_location_key *key)
{
	return key->name ? key->name : key->addr + 1;
}

/* "FILE:LINE", or the image and the offset in it. */
static void put_place(const struct profile *p, struct buf *out,
		      const struct profile_location_key *key, const struct profile_line *line)
{
	const struct profile_mapping *m = (const void *)p->mappings.data;

	if (line && line->line && line->file) {
		buf_puts(out, "\t");
		put_text(p, out, line->file);
		buf_printf(out, ":%" PRId64, line->line);
	} else if (key->mapping != PROFILE_NO_MAPPING) {
		m += key->mapping;
		buf_printf(out, "\t%s+%#" PRIx64, m->file, key->addr - m->start + m->offset);
	}
}

static void put_frame(const struct profile *p, struct buf *out, uint32_t location)
{
	const struct profile_location_key key = profile_location_get(p, location);
	uint64_t pc = key.name ? key.name : key.addr;
	uint32_t n;
	const struct profile_line *lines = profile_location_lines(p, location, &n);

	if (!n) {
		buf_printf(out, "#\t%#" PRIx64, pc);
		if (key.name) {
			buf_puts(out, "\t");
			put_text(p, out, key.name);
		}
		put_place(p, out, &key, NULL);
		buf_puts(out, "\n");
	}
	for (uint32_t i = 0; i < n; i++) {
		buf_printf(out, "#\t%#" PRIx64 "\t", pc);
		put_function(p, out, lines[i].name);
		put_place(p, out, &key, &lines[i]);
		buf_puts(out, "\n");
	}
}

/* As Go prints the labels of a goroutine. */
static void put_labels(const struct profile *p, struct buf *out, uint32_t sample)
{
	const char *comma = "# labels: {";
	size_t n;
	const struct profile_label *labels = profile_labels(p, sample, &n);

	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%s\"", comma);
		put_text(p, out, labels[i].key);
		buf_puts(out, "\":\"");
		if (labels[i].str)
			put_text(p, out, labels[i].str);
		else
			buf_printf(out, "%" PRId64, labels[i].num);
		buf_puts(out, "\"");
		comma = ", ";
	}
	if (n)
		buf_puts(out, "}\n");
}

static void put_stack(const struct profile *p, struct buf *out, uint32_t sample)
{
	size_t depth;
	const uint32_t *stack = profile_stack(p, sample, &depth);

	buf_puts(out, " @");
	for (size_t i = 0; i < depth; i++) {
		const struct profile_location_key key = profile_location_get(p, stack[i]);

		buf_printf(out, " %#" PRIx64, return_address(&key));
	}
	buf_puts(out, "\n");
	put_labels(p, out, sample);
	for (size_t i = 0; i < depth; i++)
		put_frame(p, out, stack[i]);
	buf_puts(out, "\n");
}

static void put_comments(const struct profile *p, struct buf *out)
{
	for (uint32_t i = 0; i < p->comments.n; i++) {
		size_t len;
		const char *s = intern_key(&p->comments, i, &len);

		buf_printf(out, "# %.*s\n", (int)len, s);
	}
}

void text_count(const struct profile *p, const char *name, struct buf *out)
{
	_cleanup_buf_ struct buf lines = {0};
	const struct line *line;
	int64_t total = 0;

	sort(p, 0, &lines);
	line = (const void *)lines.data;
	for (size_t i = 0; i < lines.len / sizeof(*line); i++)
		total += line[i].value;
	buf_printf(out, "%s profile: total %" PRId64 "\n", name, total);
	for (size_t i = 0; i < lines.len / sizeof(*line); i++) {
		buf_printf(out, "%" PRId64, line[i].value);
		put_stack(p, out, line[i].sample);
	}
	put_comments(p, out);
	if (buf_error(&lines))
		out->error = buf_error(&lines);
}

void text_contention(const struct profile *p, const char *name, struct buf *out)
{
	_cleanup_buf_ struct buf lines = {0};
	const struct line *line;

	sort(p, 1, &lines);
	buf_printf(out, "--- %s:\ncycles/second=1000000000\n", name);
	if (strcmp(name, "mutex") == 0)
		buf_puts(out, "sampling period=1\n");
	line = (const void *)lines.data;
	for (size_t i = 0; i < lines.len / sizeof(*line); i++) {
		buf_printf(out, "%" PRId64 " %" PRId64, line[i].value,
			   profile_values(p, line[i].sample)[0]);
		put_stack(p, out, line[i].sample);
	}
	put_comments(p, out);
	if (buf_error(&lines))
		out->error = buf_error(&lines);
}

/* What was sampled of @n objects of together @bytes. */
struct raw {
	int64_t n;
	int64_t bytes;
};

static struct raw unscale(int64_t n, int64_t bytes, uint64_t rate)
{
	struct raw r = {.n = n, .bytes = bytes};
	double scale;

	/* Memory of which only the amount is known is one object. */
	if (!n && bytes)
		r.n = 1;
	if (r.n <= 0 || bytes <= 0)
		return r;
	scale = block_scale((uint64_t)(bytes / r.n), rate);
	r.bytes = (int64_t)((double)bytes / scale + 0.5);
	r.n = (int64_t)((double)r.n / scale + 0.5);
	if (!r.n)
		r.n = 1;
	return r;
}

void text_heap(const struct profile *p, uint64_t rate, struct buf *out)
{
	_cleanup_buf_ struct buf lines = {0};
	struct raw use = {0}, all = {0};
	const struct line *line;
	size_t n;

	sort(p, 3, &lines);
	line = (const void *)lines.data;
	n = lines.len / sizeof(*line);
	for (size_t pass = 0; pass < 2; pass++) {
		if (pass)
			buf_printf(out,
				   "heap profile: %" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64
				   "] @ heap/%" PRIu64 "\n",
				   use.n, use.bytes, all.n, all.bytes, 2 * rate);
		for (size_t i = 0; i < n; i++) {
			const int64_t *v = profile_values(p, line[i].sample);
			struct raw a = unscale(v[0], v[1], rate), u = unscale(v[2], v[3], rate);

			use.n += u.n;
			use.bytes += u.bytes;
			all.n += a.n;
			all.bytes += a.bytes;
			if (!pass)
				continue;
			buf_printf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "]", u.n,
				   u.bytes, a.n, a.bytes);
			put_stack(p, out, line[i].sample);
		}
	}
	put_comments(p, out);
	if (buf_error(&lines))
		out->error = buf_error(&lines);
}
