// SPDX-License-Identifier: GPL-2.0-or-later
#include "goroutine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../http/params.h"
#include "../http/server.h"
#include "../threads/dump.h"
#include "proto.h"
#include "report.h"
#include "resolve.h"
#include "text.h"

/* What is written of a dump before the client has to take it. */
enum { BLOCKS_BYTES = 32 << 10 };

/**
 * struct goroutine_request - one request, from its start to its answer
 * @debug: as Go has it: 0 a profile, 1 text, 2 or more a block for each thread
 * @dump: while it is made; @report has it afterwards
 * @block: thread whose block is written next, for debug=2
 * @resolve: while names are looked up
 */
struct goroutine_request {
	struct engine *engine;
	struct http_request *req;
	struct target target;
	int64_t debug;
	size_t block;
	struct dump *dump;
	struct resolve *resolve;
	struct report report;
};

static void request_free(struct goroutine_request *r)
{
	report_deinit(&r->report);
	engine_unuse(r->engine);
	free(r);
}

static void client_gone(void *ctx)
{
	struct goroutine_request *r = ctx;

	dump_cancel(r->dump);
	resolve_cancel(r->resolve);
	request_free(r);
}

static void fail(struct goroutine_request *r, int err)
{
	http_reply_error(r->req, 500, "failed to collect profile: %s", strerror(-err));
	request_free(r);
}

static void add_comments(struct goroutine_request *r)
{
	const struct dump_thread *t;
	uint64_t incomplete = 0;
	char text[128];
	size_t n;

	t = dump_threads(r->report.dump, &n);
	for (size_t i = 0; i < n; i++)
		incomplete +=
			t[i].note || (t[i].stack.nuser && t[i].stack.end != KPPROF_END_COMPLETE);
	profile_comment(&r->report.profile, "kpprofd %s; target: %s", KPPROF_VERSION,
			target_describe(&r->target, text, sizeof(text)));
	profile_comment(&r->report.profile, "threads: %zu, %llu of them not wholly known", n,
			(unsigned long long)incomplete);
	if (dump_left_out(r->report.dump))
		profile_comment(&r->report.profile, "threads left out for want of room: %zu",
				dump_left_out(r->report.dump));
}

static void reply_profile(struct goroutine_request *r)
{
	_cleanup_buf_ struct buf gz = {0};
	int err;

	add_comments(r);
	err = report_samples(&r->report, false);
	if (!err)
		err = proto_write(&r->report.profile, &gz);
	if (err) {
		fail(r, err);
		return;
	}
	http_reply_profile(r->req, "goroutine", &gz);
	request_free(r);
}

static const struct http_header text_plain = {"Content-Type", "text/plain; charset=utf-8"};

static void reply_text(struct goroutine_request *r)
{
	_cleanup_buf_ struct buf out = {0};
	int err;

	add_comments(r);
	err = report_samples(&r->report, true);
	if (err) {
		fail(r, err);
		return;
	}
	text_count(&r->report.profile, "goroutine", &out);
	http_reply(r->req, 200, &text_plain, 1, &out);
	request_free(r);
}

static int more_blocks(void *ctx, struct buf *out)
{
	struct goroutine_request *r = ctx;

	r->block = report_blocks(&r->report, r->block, BLOCKS_BYTES, out);
	return r->block ? 1 : 0;
}

static void blocks_end(void *ctx)
{
	request_free(ctx);
}

static void named(void *ctx)
{
	struct goroutine_request *r = ctx;

	r->resolve = NULL;
	if (!r->debug)
		reply_profile(r);
	else if (r->debug == 1)
		reply_text(r);
	else
		http_reply_stream(r->req, 200, &text_plain, 1, more_blocks, blocks_end, r);
}

static void dumped(void *ctx, struct dump *dump)
{
	struct goroutine_request *r = ctx;
	int err;

	r->dump = NULL;
	r->report.dump = dump;
	err = report_locate(&r->report);
	if (!err)
		err = resolve_start(r->engine, &r->report.places, named, r, &r->resolve);
	if (err)
		fail(r, err);
}

/* Go takes what is no number, and a negative one, for 0. */
static int64_t parse_debug(struct http_request *req)
{
	int64_t debug;

	return param_int(http_param(req, "debug"), &debug) || debug < 0 ? 0 : debug;
}

void goroutine_serve(struct engine *engine, struct http_request *req, const struct target *target)
{
	struct goroutine_request *r = calloc(1, sizeof(*r));
	int err = r ? report_init(&r->report) : -ENOMEM;
	unsigned int what = DUMP_KERNEL;

	if (!r) {
		http_reply_error(req, 500, "%s", strerror(ENOMEM));
		return;
	}
	engine_use(engine);
	r->engine = engine;
	r->req = req;
	r->target = *target;
	r->debug = parse_debug(req);
	if (r->debug >= 2)
		what |= DUMP_TIMES;
	if (!err)
		err = dump_start(engine, target, what, dumped, r, &r->dump);
	if (err) {
		fail(r, err);
		return;
	}
	http_on_gone(req, client_gone, r);
}
