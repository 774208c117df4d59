// SPDX-License-Identifier: GPL-2.0-or-later
#include "deadlock.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../http/server.h"
#include "../locks/locks.h"
#include "../threads/dump.h"
#include "look.h"

/**
 * struct deadlock_request - one request, from its start to its answer
 * @json: as JSON, not as text
 * @look: the threads
 */
struct deadlock_request {
	struct http_request *req;
	bool json;
	struct look look;
};

static void request_free(struct deadlock_request *r)
{
	look_deinit(&r->look);
	free(r);
}

static void client_gone(void *ctx)
{
	request_free(ctx);
}

static void looked(void *ctx, int err)
{
	struct deadlock_request *r = ctx;
	const struct report *report = &r->look.report;
	const struct http_header headers[] = {
		{"Content-Type", r->json ? "application/json" : "text/plain; charset=utf-8"},
		{"X-Kpprof-Deadlock", "1"},
	};
	_cleanup_buf_ struct buf out = {0};

	if (err) {
		http_reply_error(r->req, http_status_of(err), "failed to look at the threads: %s",
				 strerror(-err));
		request_free(r);
		return;
	}
	if (r->json)
		locks_verdict_json(report->locks, report_frames, (void *)report, &out);
	else
		locks_verdict_text(report->locks, report_frames, (void *)report, &out);
	http_reply(r->req, 200, headers, ARRAY_SIZE(headers) - !report_deadlocks(report), &out);
	request_free(r);
}

/* Whether Accept names the type; wildcards do not count. */
static bool accepts_json(const struct http_request *req)
{
	static const char type[] = "application/json";
	const char *accept = http_header_get(req, "Accept");

	while (accept && *accept) {
		accept += strspn(accept, " \t,");
		if (strncasecmp(accept, type, strlen(type)) == 0 &&
		    strchr(" \t,;", accept[strlen(type)]))
			return true;
		accept += strcspn(accept, ",");
	}
	return false;
}

/* An unknown format is refused; without one the client's Accept decides. */
static bool parse_format(struct http_request *req, bool *json)
{
	const char *format = http_param(req, "format");

	*json = format ? strcmp(format, "json") == 0 : accepts_json(req);
	if (!format || *json || strcmp(format, "text") == 0)
		return true;
	http_reply_error(req, 400, "invalid value for \"format\" - must be text or json");
	return false;
}

void deadlock_serve(struct engine *engine, struct http_request *req, const struct target *target)
{
	struct deadlock_request *r;
	bool json;
	int err;

	if (!parse_format(req, &json))
		return;
	r = calloc(1, sizeof(*r));
	if (!r) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	r->req = req;
	r->json = json;
	err = look_start(&r->look, engine, target, DUMP_TIMES, looked, r);
	if (err)
		looked(r, err);
	else
		http_on_gone(req, client_gone, r);
}
