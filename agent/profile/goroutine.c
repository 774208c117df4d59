// SPDX-License-Identifier: GPL-2.0-or-later
#include "goroutine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../http/params.h"
#include "../http/server.h"
#include "../threads/dump.h"
#include "format.h"
#include "look.h"
#include "proto.h"
#include "text.h"

/* What is written of a dump before the client has to take it. */
enum { BLOCKS_BYTES = 32 << 10 };

/**
 * struct goroutine_request - one request, from its start to its answer
 * @debug: as Go has it: 0 a profile, 1 text, 2 or more a block for each thread
 * @block: thread whose block is written next, for debug=2
 * @begun: what stands above the blocks is written
 * @look: the threads
 */
struct goroutine_request {
	struct http_request *req;
	struct target target;
	int64_t debug;
	size_t block;
	bool begun;
	struct look look;
};

static void request_free(struct goroutine_request *r)
{
	look_deinit(&r->look);
	free(r);
}

static void client_gone(void *ctx)
{
	request_free(ctx);
}

static void fail(struct goroutine_request *r, int err)
{
	http_reply_error(r->req, http_status_of(err), "failed to collect profile: %s",
			 strerror(-err));
	request_free(r);
}

static void add_comments(struct goroutine_request *r)
{
	const struct dump_thread *t;
	uint64_t incomplete = 0;
	char text[128];
	size_t n;

	t = dump_threads(r->look.report.dump, &n);
	for (size_t i = 0; i < n; i++)
		incomplete +=
			t[i].note || (t[i].stack.nuser && t[i].stack.end != KPPROF_END_COMPLETE);
	profile_comment(&r->look.report.profile, "kpprofd %s; target: %s", KPPROF_VERSION,
			target_describe(&r->target, text, sizeof(text)));
	profile_comment(&r->look.report.profile, "threads: %zu, %llu of them not wholly known", n,
			(unsigned long long)incomplete);
	if (dump_left_out(r->look.report.dump))
		profile_comment(&r->look.report.profile, "threads left out for want of room: %zu",
				dump_left_out(r->look.report.dump));
	if (report_deadlocks(&r->look.report))
		profile_comment(&r->look.report.profile,
				"deadlocks: %zu; see debug=2, or the endpoint deadlock",
				report_deadlocks(&r->look.report));
}

/* The last one of each only when there is a deadlock. */
static const struct http_header profile_headers[] = {
	{"Content-Type", "application/octet-stream"},
	{"Content-Disposition", "attachment; filename=\"goroutine\""},
	{"X-Kpprof-Deadlock", "1"},
};

static const struct http_header text_headers[] = {
	{"Content-Type", "text/plain; charset=utf-8"},
	{"X-Kpprof-Deadlock", "1"},
};

static void reply_profile(struct goroutine_request *r)
{
	_cleanup_buf_ struct buf gz = {0};
	int err;

	add_comments(r);
	err = report_samples(&r->look.report, false);
	if (!err && format_asked(r->req) != FORMAT_PPROF) {
		format_answer(r->req, &r->look.report.profile, "goroutine");
		request_free(r);
		return;
	}
	if (!err)
		err = proto_write(&r->look.report.profile, &gz);
	if (err) {
		fail(r, err);
		return;
	}
	http_reply(r->req, 200, profile_headers,
		   ARRAY_SIZE(profile_headers) - !report_deadlocks(&r->look.report), &gz);
	request_free(r);
}

static void reply_text(struct goroutine_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	int err;

	add_comments(r);
	err = report_samples(&r->look.report, true);
	if (err) {
		fail(r, err);
		return;
	}
	report_verdict(&r->look.report, &out);
	text_count(&r->look.report.profile, "goroutine", &out);
	http_reply(r->req, 200, text_headers,
		   ARRAY_SIZE(text_headers) - !report_deadlocks(&r->look.report), &out);
	request_free(r);
}

static int more_blocks(void *ctx, struct buf *out)
{
	struct goroutine_request *r = ctx;

	if (!r->begun)
		report_verdict(&r->look.report, out);
	r->begun = true;
	r->block = report_blocks(&r->look.report, r->block, BLOCKS_BYTES, out);
	return r->block ? 1 : 0;
}

static void blocks_end(void *ctx)
{
	request_free(ctx);
}

static void looked(void *ctx, int err)
{
	struct goroutine_request *r = ctx;

	if (err)
		fail(r, err);
	else if (!r->debug)
		reply_profile(r);
	else if (r->debug == 1)
		reply_text(r);
	else
		http_reply_stream(r->req, 200, text_headers,
				  ARRAY_SIZE(text_headers) - !report_deadlocks(&r->look.report),
				  more_blocks, blocks_end, r);
}

/* Go takes what is no number, and a negative one, for 0. */
static int64_t parse_debug(struct http_request *req)
{
	int64_t debug;

	return param_int(http_param(req, "debug"), &debug) || debug < 0 ? 0 : debug;
}

void goroutine_serve(struct engine *engine, const struct armed_list *armed,
		     struct http_request *req, const struct target *target)
{
	struct goroutine_request *r = calloc(1, sizeof(*r));
	unsigned int what = DUMP_KERNEL;
	int err;

	if (!r) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	r->req = req;
	r->target = *target;
	r->debug = parse_debug(req);
	if (r->debug >= 2)
		what |= DUMP_TIMES;
	err = look_start(&r->look, engine, target, what, looked, r);
	r->look.armed = r->debug >= 2 ? armed : NULL;
	if (err)
		fail(r, err);
	else
		http_on_gone(req, client_gone, r);
}
