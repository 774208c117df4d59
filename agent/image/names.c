// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The block: a struct block_header, first[naddrs + 1], entries[nlines], strings. first[i] is the
 * entry that address i begins with; the strings are NUL-terminated.
 */
#include "names.h"

#include <errno.h>
#include <string.h>

#define NAMES_MAGIC 0x6b706e31u /* "1npk" */
#define NAMES_FLAGS (NAMES_ALL_FUNCTIONS | NAMES_HAVE_LINES | NAMES_HAVE_INLINES | NAMES_INVENTED)
#define STRINGS_MAX (256u << 20)
/* Mangled names of templates are long; nobody reads more than this. */
#define STRING_MAX 16384u

struct names_entry {
	uint32_t name; /* offset in the strings */
	uint32_t file;
	uint32_t line;
	uint32_t start_line;
};

struct block_header {
	uint32_t magic;
	uint32_t flags;
	uint32_t naddrs;
	uint32_t nlines;
	uint64_t strings_size;
};

static void fail(struct names_builder *b, int err)
{
	if (!b->error)
		b->error = err;
}

void names_begin(struct names_builder *b)
{
	const uint32_t none = 0;

	buf_append(&b->counts, &none, sizeof(none));
	if (b->counts.error)
		fail(b, -ENOMEM);
	else
		b->naddrs++;
}

/* Bytes of the UTF-8 character at @s, of which @n bytes are there; 0 for a byte that begins none.
 */
static size_t utf8_len(const unsigned char *s, size_t n)
{
	static const struct {
		uint8_t lead_min, lead_max, second_min, second_max, len;
	} forms[] = {
		{0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
		{0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3},
		{0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
		{0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
	};

	for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
		if (s[0] < forms[f].lead_min || s[0] > forms[f].lead_max)
			continue;
		if (n < forms[f].len || s[1] < forms[f].second_min || s[1] > forms[f].second_max)
			return 0;
		for (size_t i = 2; i < forms[f].len; i++)
			if ((s[i] & 0xc0) != 0x80)
				return 0;
		return forms[f].len;
	}
	return 0;
}

/* Bytes at @s that may stand in a name as they are; 0 when the first must be escaped. */
static size_t plain_len(const unsigned char *s, size_t n)
{
	if (s[0] >= 0x20 && s[0] < 0x7f)
		return 1;
	return s[0] < 0x80 ? 0 : utf8_len(s, n);
}

/* Printable UTF-8, as protobuf wants it: other bytes become \xNN. Returns the length. */
static size_t escape(const char *s, size_t n, char *to, size_t room)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *u = (const unsigned char *)s;
	size_t len = 0;

	for (size_t i = 0, k; i < n; i += k ? k : 1) {
		k = plain_len(u + i, n - i);
		if (len + (k ? k : 4) > room)
			break;
		if (k) {
			memcpy(to + len, s + i, k);
			len += k;
		} else {
			memcpy(to + len, (char[]){'\\', 'x', hex[u[i] >> 4], hex[u[i] & 15]}, 4);
			len += 4;
		}
	}
	return len;
}

/* Where the string stands among the strings. */
static uint32_t string_at(struct names_builder *b, const char *s)
{
	char clean[STRING_MAX];
	size_t len = s ? strnlen(s, sizeof(clean)) : 0;
	int64_t i;

	len = escape(s, len, clean, sizeof(clean) - 1);
	clean[len] = '\0';
	b->strings.keys.max = STRINGS_MAX;
	i = intern_add(&b->strings, clean, len + 1);
	if (i < 0) {
		fail(b, -ENOMEM);
		return 0;
	}
	return (uint32_t)(i ? b->strings.ends[i - 1] : 0);
}

void names_add(struct names_builder *b, const char *name, const char *file, uint32_t line,
	       uint32_t start_line)
{
	struct names_entry e = {.line = line, .start_line = start_line};
	uint32_t count;
	char *last;

	if (b->error || !b->naddrs)
		return;
	e.name = string_at(b, name);
	e.file = string_at(b, file);
	buf_append(&b->lines, &e, sizeof(e));
	if (b->error || b->lines.error || b->lines.len / sizeof(e) > UINT32_MAX / 2) {
		fail(b, -ENOMEM);
		return;
	}
	last = b->counts.data + b->counts.len - sizeof(count);
	memcpy(&count, last, sizeof(count));
	count++;
	memcpy(last, &count, sizeof(count));
	b->flags |= (line ? NAMES_HAVE_LINES : 0) | (count > 1 ? NAMES_HAVE_INLINES : 0);
}

void names_set_flags(struct names_builder *b, uint32_t flags)
{
	b->flags |= flags & NAMES_FLAGS;
}

static void append_first(const struct names_builder *b, struct buf *out)
{
	uint32_t first = 0, count;

	buf_append(out, &first, sizeof(first));
	for (uint32_t i = 0; i < b->naddrs; i++) {
		memcpy(&count, b->counts.data + i * sizeof(count), sizeof(count));
		first += count;
		buf_append(out, &first, sizeof(first));
	}
}

int names_finish(struct names_builder *b, struct buf *out)
{
	struct block_header h = {
		.magic = NAMES_MAGIC,
		.flags = b->flags,
		.naddrs = b->naddrs,
		.nlines = (uint32_t)(b->lines.len / sizeof(struct names_entry)),
		.strings_size = b->strings.keys.len,
	};
	int err = b->error;

	if (!err) {
		buf_append(out, &h, sizeof(h));
		append_first(b, out);
		buf_append(out, b->lines.data, b->lines.len);
		buf_append(out, b->strings.keys.data, b->strings.keys.len);
		err = buf_error(out) ? -ENOMEM : 0;
	}
	names_builder_deinit(b);
	return err;
}

void names_builder_deinit(struct names_builder *b)
{
	buf_deinit(&b->counts);
	buf_deinit(&b->lines);
	intern_deinit(&b->strings);
	*b = (struct names_builder){0};
}

static int check_contents(const struct names *n)
{
	if (n->strings_size && n->strings[n->strings_size - 1] != '\0')
		return -EBADMSG;
	if (n->first[0] != 0 || n->first[n->naddrs] != n->nlines)
		return -EBADMSG;
	for (uint32_t i = 0; i < n->naddrs; i++)
		if (n->first[i] > n->first[i + 1])
			return -EBADMSG;
	for (uint32_t i = 0; i < n->nlines; i++)
		if (n->lines[i].name >= n->strings_size || n->lines[i].file >= n->strings_size)
			return -EBADMSG;
	return 0;
}

int names_map(const void *block, size_t size, struct names *names)
{
	struct block_header h;
	const char *p = block;
	size_t first_size, lines_size;

	*names = (struct names){0};
	if (size < sizeof(h) || (uintptr_t)block % _Alignof(struct names_entry))
		return -EBADMSG;
	memcpy(&h, p, sizeof(h));
	first_size = ((size_t)h.naddrs + 1) * sizeof(uint32_t);
	lines_size = (size_t)h.nlines * sizeof(struct names_entry);
	if (h.magic != NAMES_MAGIC || h.flags & ~NAMES_FLAGS || h.strings_size > size ||
	    size != sizeof(h) + first_size + lines_size + h.strings_size)
		return -EBADMSG;
	*names = (struct names){
		.first = (const uint32_t *)(const void *)(p + sizeof(h)),
		.lines = (const struct names_entry *)(const void *)(p + sizeof(h) + first_size),
		.strings = p + sizeof(h) + first_size + lines_size,
		.strings_size = (size_t)h.strings_size,
		.naddrs = h.naddrs,
		.nlines = h.nlines,
		.flags = h.flags,
	};
	return check_contents(names);
}

uint32_t names_count(const struct names *n, uint32_t i)
{
	return i < n->naddrs ? n->first[i + 1] - n->first[i] : 0;
}

struct name_line names_get(const struct names *n, uint32_t i, uint32_t k)
{
	const struct names_entry *e;

	if (k >= names_count(n, i))
		return (struct name_line){.name = "", .file = ""};
	e = &n->lines[n->first[i] + k];
	return (struct name_line){
		.name = n->strings + e->name,
		.file = n->strings + e->file,
		.line = e->line,
		.start_line = e->start_line,
	};
}
