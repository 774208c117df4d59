// SPDX-License-Identifier: GPL-2.0-or-later
/* The answers that endpoints give, as Go's net/http/pprof words them. */
#include <stdarg.h>
#include <stdio.h>

#include "../base/cleanup.h"
#include "params.h"
#include "server.h"

static const struct http_header text_plain = {"Content-Type", "text/plain; charset=utf-8"};
static const struct http_header text_html = {"Content-Type", "text/html; charset=utf-8"};

void http_reply_text(struct http_request *req, unsigned int status, const char *text)
{
	_cleanup_buf_ struct buf body = {0};

	buf_puts(&body, text);
	http_reply(req, status, &text_plain, 1, &body);
}

void http_reply_html(struct http_request *req, struct buf *body)
{
	http_reply(req, 200, &text_html, 1, body);
}

void http_reply_error(struct http_request *req, unsigned int status, const char *fmt, ...)
{
	const struct http_header headers[] = {text_plain, {"X-Go-Pprof", "1"}};
	_cleanup_buf_ struct buf body = {0};
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&body, fmt, ap);
	va_end(ap);
	buf_puts(&body, "\n");
	/* An error is worth a reply even if there is no memory for its text. */
	if (buf_error(&body))
		buf_deinit(&body);
	http_reply(req, status, headers, ARRAY_SIZE(headers), &body);
}

/* @s as it may stand in a header: what is not printable ASCII is escaped. */
static void put_header_text(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s > ' ' && *s < 0x7f)
			buf_append(out, s, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}

static void reply_moved(struct http_request *req, const char *url)
{
	const struct http_header headers[] = {text_html, {"Location", url}};
	_cleanup_free_ char *escaped = html_escape(url);
	_cleanup_buf_ struct buf body = {0};

	if (escaped)
		buf_printf(&body, "<a href=\"%s\">Moved Permanently</a>.\n\n", escaped);
	http_reply(req, 301, headers, ARRAY_SIZE(headers), &body);
}

void http_reply_redirect(struct http_request *req, const char *location)
{
	_cleanup_buf_ struct buf url = {0};

	if (!http_method_check(req, false))
		return;
	put_header_text(&url, location);
	if (*http_query(req)) {
		buf_puts(&url, "?");
		put_header_text(&url, http_query(req));
	}
	buf_append(&url, "", 1);
	if (buf_error(&url))
		http_reply_error(req, 503, "not enough memory");
	else
		reply_moved(req, url.data);
}

bool http_method_check(struct http_request *req, bool post_allowed)
{
	const struct http_header headers[] = {
		text_plain,
		{"X-Go-Pprof", "1"},
		{"Allow", post_allowed ? "GET, HEAD, POST" : "GET, HEAD"},
	};
	enum http_method m = http_method(req);
	_cleanup_buf_ struct buf body = {0};

	if (m == HTTP_GET || m == HTTP_HEAD || (m == HTTP_POST && post_allowed))
		return true;
	buf_puts(&body, "Method Not Allowed\n");
	http_reply(req, 405, headers, ARRAY_SIZE(headers), &body);
	return false;
}

void http_reply_profile(struct http_request *req, const char *name, struct buf *gz)
{
	char disposition[128];
	const struct http_header headers[] = {
		{"Content-Type", "application/octet-stream"},
		{"Content-Disposition", disposition},
	};

	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s\"", name);
	http_reply(req, 200, headers, ARRAY_SIZE(headers), gz);
}
