// SPDX-License-Identifier: GPL-2.0-or-later
#include "flame.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/hash.h"
#include "collapsed.h"

/* The script, as it is in the tree. */
__asm__(".pushsection .rodata\n"
	"flame_script: .incbin \"agent/profile/flame.js\"\n"
	"flame_script_end: .byte 0\n"
	".popsection\n");
extern const char flame_script[], flame_script_end[];

static const char head[] =
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%\" height=\"400\">\n"
	"<style>\n"
	"text { font: 12px monospace; } .frame { cursor: pointer; } .above { opacity: 0.5; }\n"
	".frame:hover rect { stroke: #000; stroke-width: 1; } .frame text { pointer-events: none; "
	"}\n"
	"#reset { cursor: pointer; fill: #06c; } input { font: 12px monospace; width: 90%; }\n"
	"</style>\n"
	"<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n"
	"<foreignObject x=\"6\" y=\"6\" width=\"60%\" height=\"28\">"
	"<input xmlns=\"http://www.w3.org/1999/xhtml\" id=\"search\" type=\"search\" "
	"placeholder=\"search: a regular expression\"/></foreignObject>\n"
	"<text id=\"reset\" x=\"8\" y=\"52\">reset zoom</text>\n"
	"<text id=\"found\" x=\"100\" y=\"52\"/>\n"
	"<g id=\"frames\"/>\n"
	"<script><![CDATA[\n";

/*
 * A string of JavaScript inside CDATA. '<', '>' and '&' are escaped, so that no name can end the
 * section or the script; so is each byte that is not ASCII, since the whole must be UTF-8.
 */
static void put_string(struct buf *out, const char *s, size_t len)
{
	buf_puts(out, "\"");
	for (size_t i = 0; i < len; i++) {
		unsigned char ch = (unsigned char)s[i];

		if (ch < ' ' || ch >= 0x7f || strchr("<>&\"\\'", ch))
			buf_printf(out, "\\u%04x", ch);
		else
			buf_append(out, &s[i], 1);
	}
	buf_puts(out, "\"");
}

/* A stack by the order of its names, so that stacks which share frames are neighbours. */
struct sorted {
	const uint32_t *stack;
	uint32_t depth;
	uint32_t index;
};

static uint32_t shared_frames(const struct sorted *a, const struct sorted *b)
{
	uint32_t n = 0;

	while (n < a->depth && n < b->depth && a->stack[n] == b->stack[n])
		n++;
	return n;
}

static int by_names(const void *x, const void *y)
{
	const struct sorted *a = x, *b = y;
	uint32_t n = shared_frames(a, b);

	if (n == a->depth || n == b->depth)
		return a->depth < b->depth ? -1 : a->depth > b->depth;
	return a->stack[n] < b->stack[n] ? -1 : 1;
}

static void put_stacks(const struct collapsed *c, struct sorted *all, struct buf *out)
{
	static const struct sorted none;

	for (uint32_t i = 0; i < c->stacks.n; i++) {
		all[i].stack = collapsed_stack(c, i, &all[i].depth);
		all[i].index = i;
	}
	qsort(all, c->stacks.n, sizeof(*all), by_names);
	for (uint32_t i = 0; i < c->stacks.n; i++) {
		uint32_t shared = shared_frames(i ? &all[i - 1] : &none, &all[i]);

		buf_printf(out, "[%" PRIu32 ",%" PRId64, shared, collapsed_value(c, all[i].index));
		for (uint32_t k = shared; k < all[i].depth; k++)
			buf_printf(out, ",%" PRIu32, all[i].stack[k]);
		buf_puts(out, "],\n");
	}
}

int flame_write(const struct collapsed *c, const char *title, const char *unit, struct buf *out)
{
	_cleanup_free_ struct sorted *all = calloc(c->stacks.n + (size_t)1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	buf_puts(out, head);
	buf_puts(out, "const data = {title: ");
	put_string(out, title, strlen(title));
	buf_puts(out, ", unit: ");
	put_string(out, unit, strlen(unit));
	buf_printf(out, ", total: %" PRId64 ", names: [\n", c->total);
	for (uint32_t i = 0; i < c->names.n; i++) {
		size_t len;
		const char *name = intern_key(&c->names, i, &len);

		put_string(out, name, len);
		buf_puts(out, ",\n");
	}
	buf_puts(out, "], stacks: [\n");
	put_stacks(c, all, out);
	buf_puts(out, "]};\n");
	buf_append(out, flame_script, (size_t)(flame_script_end - flame_script));
	buf_puts(out, "]]></script>\n</svg>\n");
	return buf_error(out);
}
