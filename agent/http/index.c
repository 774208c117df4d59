// SPDX-License-Identifier: GPL-2.0-or-later
#include "index.h"

#include <errno.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "params.h"

static const char top[] =
	"<html>\n"
	"<head>\n"
	"<title>%s/debug/pprof/</title>\n"
	"<style>\n"
	".profile-name{\n"
	"\tdisplay:inline-block;\n"
	"\twidth:6rem;\n"
	"}\n"
	".deadlock{\n"
	"\tcolor:red;\n"
	"}\n"
	"</style>\n"
	"</head>\n"
	"<body>\n"
	"%s/debug/pprof/<br>\n"
	"Target: %s<br>\n"
	"<br>\n"
	"<p>Set debug=1 as a query parameter to export in legacy text format</p>\n"
	"<br>\n"
	"Types of profiles available:\n"
	"<table>\n"
	"<thead><td>Count</td><td>Profile</td></thead>\n";

static const char bottom[] = "</ul>\n"
			     "</p>\n"
			     "</body>\n"
			     "</html>";

/* symbol is for pprof alone, and there is no trace. */
static bool is_listed(enum endpoint e)
{
	return e != ENDPOINT_INDEX && e != ENDPOINT_SYMBOL && e != ENDPOINT_TRACE;
}

static void put_row(struct buf *out, const char *base, enum endpoint e, unsigned int count)
{
	bool red = e == ENDPOINT_DEADLOCK && count;

	buf_printf(out, "<tr><td>%s%u%s</td><td><a href='%s%s?debug=1'>%s</a></td></tr>\n",
		   red ? "<b class=deadlock>" : "", count, red ? "</b>" : "", base,
		   endpoint_name(e), endpoint_name(e));
}

int index_page(const struct route *route, const unsigned int counts[ENDPOINT_N], struct buf *out)
{
	char described[sizeof("processes named ") + TARGET_COMM_MAX];
	_cleanup_free_ char *target =
		html_escape(target_describe(&route->target, described, sizeof(described)));
	/* The prefix is made of unreserved characters, '%' and '/': nothing in it needs escaping.
	 */
	char base[sizeof(route->location)] = "";

	if (!target)
		return -ENOMEM;
	/* A relative link drops the query, and the target with it. */
	if (route->by_query)
		snprintf(base, sizeof(base), "%s/debug/pprof/", route->prefix);
	buf_printf(out, top, route->prefix, route->prefix, target);
	for (int e = 0; e < ENDPOINT_N; e++)
		if (is_listed((enum endpoint)e))
			put_row(out, base, (enum endpoint)e, counts[e]);
	buf_printf(out,
		   "</table>\n<a href=\"%sgoroutine?debug=2\">full goroutine stack "
		   "dump</a>\n<br>\n<p>\n"
		   "Profile Descriptions:\n<ul>\n",
		   base);
	for (int e = 0; e < ENDPOINT_N; e++)
		if (is_listed((enum endpoint)e))
			buf_printf(out, "<li><div class=profile-name>%s: </div> %s</li>\n",
				   endpoint_name((enum endpoint)e),
				   endpoint_text((enum endpoint)e));
	buf_puts(out, bottom);
	return buf_error(out);
}
