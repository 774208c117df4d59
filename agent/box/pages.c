// SPDX-License-Identifier: GPL-2.0-or-later
#include "pages.h"

#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../http/params.h"
#include "../http/server.h"
#include "../base/escape.h"
#include "list.h"

/* The verdict takes longer than a list: the page asks for it when it is there. */
static const char head[] =
	"<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n<title>kpprof</title>\n<style>\n"
	"body { font: 14px sans-serif; } td, th { padding: 2px 8px; text-align: right; }\n"
	"td.l, th.l { text-align: left; } tr:nth-child(even) { background: #f3f3f3; }\n"
	".dead { background: #c00; color: #fff; padding: 2px 8px; }\n"
	"</style></head><body>\n<p id=\"verdict\"></p>\n"
	"<p><a href=\"/debug/pprof/\">the whole box</a>, <a href=\"/metrics\">metrics</a>, "
	"<a href=\"/debug/overhead\">overhead</a></p>\n<table>\n"
	"<tr><th>pid<th class=\"l\">name<th>CPU %<th>RSS MB<th>threads<th "
	"class=\"l\">profiles</tr>\n";

static const char tail[] =
	"</table>\n<script>\n"
	"fetch('/debug/pprof/deadlock?format=json').then(r => r.json()).then(v => {\n"
	"  const out = document.getElementById('verdict');\n"
	"  if (!v.deadlocks.length) return;\n"
	"  out.className = 'dead';\n"
	"  out.append('deadlocks: ' + v.deadlocks.length + '. ');\n"
	"  const a = document.createElement('a');\n"
	"  a.href = '/debug/pprof/deadlock'; a.style.color = '#fff'; a.append('who and where');\n"
	"  out.append(a);\n"
	"});\n"
	"</script></body></html>\n";

static void put_links(struct buf *out, const struct box_process *p)
{
	static const char *const links[][2] = {
		{"profile?seconds=10&amp;format=svg", "cpu"},
		{"goroutine?debug=2", "threads"},
		{"heap", "heap"},
		{"block?format=top", "block"},
		{"mutex?format=top", "mutex"},
		{"deadlock", "deadlock"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(links); i++)
		buf_printf(out, "<a href=\"/pid/%d/debug/pprof/%s\">%s</a> ", (int)p->pid,
			   links[i][0], links[i][1]);
}

static void put_row(struct buf *out, const struct box_process *p)
{
	_cleanup_free_ char *name = html_escape(p->comm);

	buf_printf(out,
		   "<tr><td>%d<td class=\"l\"><a href=\"/pid/%d/debug/pprof/\">%s</a>"
		   "<td>%u.%u<td>%.1f<td>%ld<td class=\"l\">",
		   (int)p->pid, (int)p->pid, name ? name : "", p->cpu_permille / 10,
		   p->cpu_permille % 10, (double)p->rss_kb / 1024, p->threads);
	put_links(out, p);
	buf_puts(out, "</tr>\n");
}

static void serve_list(struct http_request *req, const struct buf *list)
{
	const struct box_process *p = (const void *)list->data;
	_cleanup_buf_ struct buf page = {0};

	buf_puts(&page, head);
	for (size_t i = 0; i < list->len / sizeof(*p); i++)
		if (!p[i].kernel)
			put_row(&page, &p[i]);
	buf_puts(&page, tail);
	http_reply_html(req, &page);
}

static void put_json(struct buf *out, const char *text)
{
	buf_puts(out, "\"");
	escape_json(text, strlen(text), out);
	buf_puts(out, "\"");
}

/*
 * https://prometheus.io/docs/prometheus/latest/http_sd/: groups of targets with labels. Alloy puts
 * __profile_path_prefix__ before the path of each profile, so one address serves every process;
 * Parca is told to, by a relabel rule.
 */
static void put_target(struct buf *out, const char *host, const struct box_process *p)
{
	buf_puts(out, "{\"targets\":[");
	put_json(out, host);
	buf_printf(out, "],\"labels\":{\"__profile_path_prefix__\":\"/pid/%d\",\"pid\":\"%d\",",
		   (int)p->pid, (int)p->pid);
	buf_puts(out, "\"comm\":");
	put_json(out, p->comm);
	buf_puts(out, ",\"service_name\":");
	put_json(out, p->comm);
	buf_puts(out, "}}");
}

static void serve_targets(struct http_request *req, const struct buf *list)
{
	static const struct http_header json = {"Content-Type", "application/json"};
	const struct box_process *p = (const void *)list->data;
	const char *host = http_header_get(req, "Host");
	_cleanup_buf_ struct buf out = {0};
	bool first = true;

	buf_puts(&out, "[");
	for (size_t i = 0; i < list->len / sizeof(*p); i++) {
		if (p[i].kernel || p[i].state == 'Z' || p[i].state == 'X')
			continue;
		buf_puts(&out, first ? "\n" : ",\n");
		put_target(&out, host ? host : "localhost", &p[i]);
		first = false;
	}
	buf_puts(&out, "\n]\n");
	http_reply(req, 200, &json, 1, &out);
}

bool pages_serve(struct http_request *req)
{
	const char *path = http_path(req);
	const bool targets = strcmp(path, "/targets") == 0;
	_cleanup_buf_ struct buf list = {0};
	int err;

	if (!targets && strcmp(path, "/") != 0)
		return false;
	if (!http_method_check(req, false))
		return true;
	err = box_list(&list);
	if (err)
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
	else if (targets)
		serve_targets(req, &list);
	else
		serve_list(req, &list);
	return true;
}
