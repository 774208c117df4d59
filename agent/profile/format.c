// SPDX-License-Identifier: GPL-2.0-or-later
#include "format.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../http/server.h"
#include "collapsed.h"
#include "flame.h"
#include "model.h"
#include "top.h"

/* Functions in a table; more of them nobody reads on a terminal. */
enum { TOP_ROWS = 60 };

static const char *const names[] = {
	[FORMAT_PPROF] = "pprof",
	[FORMAT_TOP] = "top",
	[FORMAT_FOLDED] = "folded",
	[FORMAT_SVG] = "svg",
};

static int parse(const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (strcmp(text, names[i]) == 0)
			return (int)i;
	return -1;
}

bool format_check(struct http_request *req)
{
	const char *text = http_param(req, "format");

	if (!text || parse(text) >= 0)
		return true;
	http_reply_error(req, 400,
			 "invalid value for \"format\" - must be pprof, top, folded or svg");
	return false;
}

enum format format_asked(struct http_request *req)
{
	const char *text = http_param(req, "format");
	int format = text ? parse(text) : FORMAT_PPROF;

	return format < 0 ? FORMAT_PPROF : (enum format)format;
}

/* The value that go tool pprof would show: the default one, else the last. */
static int choose_value(const struct profile *p, const char *wanted)
{
	const char *type = wanted ? wanted : p->default_type;

	for (unsigned int i = 0; type && i < p->nvalues; i++)
		if (strcmp(p->sample_types[i].type, type) == 0)
			return (int)i;
	return wanted ? -1 : (int)p->nvalues - 1;
}

static void refuse_value(struct http_request *req, const struct profile *p)
{
	char text[256] = "";
	size_t len = 0;

	for (unsigned int i = 0; i < p->nvalues && len < sizeof(text); i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, " %s",
					p->sample_types[i].type);
	http_reply_error(req, 400, "invalid value for \"sample_index\" - this profile has:%s",
			 text);
}

static void put_top(const struct collapsed *c, const struct profile *p,
		    const struct profile_value_type *value, struct buf *out)
{
	buf_printf(out, "%s, in all ", value->type);
	value_text(out, c->total, value->unit);
	if (p->duration_ns) {
		buf_puts(out, " in ");
		value_text(out, p->duration_ns, "nanoseconds");
	}
	buf_puts(out, "\n");
	if (top_write(c, value->unit, TOP_ROWS, out) && !out->error)
		out->error = -ENOMEM;
	buf_puts(out, "\n");
	for (uint32_t i = 0; i < p->comments.n; i++) {
		size_t len;
		const char *text = intern_key(&p->comments, i, &len);

		buf_puts(out, "# ");
		buf_printable(out, text, len);
		buf_puts(out, "\n");
	}
}

/* "nginx: profile, cpu": the program that the profile is named after, if there is one. */
static void put_title(const struct profile *p, const char *name,
		      const struct profile_value_type *value, char *out, size_t size)
{
	const struct profile_mapping *maps = (const void *)p->mappings.data;
	const char *file =
		p->main_mapping == PROFILE_NO_MAPPING ? NULL : maps[p->main_mapping].file;
	const char *slash = file ? strrchr(file, '/') : NULL;

	snprintf(out, size, "%s%s%s, %s", file ? (slash ? slash + 1 : file) : "", file ? ": " : "",
		 name, value->type);
}

void format_answer(struct http_request *req, const struct profile *p, const char *name)
{
	static const char *const types[] = {
		[FORMAT_TOP] = "text/plain; charset=utf-8",
		[FORMAT_FOLDED] = "text/plain; charset=utf-8",
		[FORMAT_SVG] = "image/svg+xml",
	};
	enum format format = format_asked(req);
	struct http_header header = {"Content-Type", types[format]};
	int which = choose_value(p, http_param(req, "sample_index"));
	_cleanup_buf_ struct buf out = {0};
	struct collapsed c;
	char title[256];

	if (which < 0) {
		refuse_value(req, p);
		return;
	}
	if (collapsed_init(&c, p, (unsigned int)which)) {
		http_reply_error(req, 503, "no memory for the profile");
		collapsed_deinit(&c);
		return;
	}
	switch (format) {
	case FORMAT_TOP:
		put_top(&c, p, &p->sample_types[which], &out);
		break;
	case FORMAT_SVG:
		put_title(p, name, &p->sample_types[which], title, sizeof(title));
		if (flame_write(&c, title, p->sample_types[which].unit, &out) && !out.error)
			out.error = -ENOMEM;
		break;
	default:
		collapsed_folded(&c, &out);
		break;
	}
	collapsed_deinit(&c);
	http_reply(req, 200, &header, 1, &out);
}
