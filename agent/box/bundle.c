// SPDX-License-Identifier: GPL-2.0-or-later
#include "bundle.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../http/route.h"
#include "../http/server.h"
#include "../profile/answer.h"
#include "../profile/armed.h"
#include "bundle_parts.h"
#include "facts.h"
#include "tar.h"

/* What has not been answered so long after its time will not be. */
#define PATIENCE_NS (120 * NSEC_PER_SEC)

enum { DIR_MAX = 200 };

struct bundle;

/* An answer that is waited for. */
struct answer {
	struct bundle *bundle;
	const struct bundle_part *part;
	struct http_request *asked;
	bool open;
};

/**
 * struct bundle - a bundle on its way
 * @dir: of all files
 * @prefix: path of the target
 * @wanted: bits of the parts
 * @phase: what was asked for last
 * @nopen: answers that are waited for
 * @pending: archive that the client has not taken
 * @status: text of status.txt
 * @done: the archive is whole
 */
struct bundle {
	struct loop *loop;
	struct http_server *server;
	struct http_stream *stream;
	struct target target;
	char dir[DIR_MAX];
	char prefix[ROUTE_PREFIX_MAX + 1];
	int64_t seconds;
	uint32_t wanted;
	enum bundle_phase phase;
	struct answer answers[BUNDLE_PARTS_MAX];
	unsigned int nopen;
	struct loop_timer timer;
	struct loop_timer patience;
	struct tar tar;
	struct buf pending;
	struct buf status;
	bool done;
};

/* ---- the archive */

static void add(struct bundle *b, const char *file, const void *data, size_t len)
{
	char name[DIR_MAX + 64];
	int err;

	snprintf(name, sizeof(name), "%s/%s", b->dir, file);
	err = tar_add(&b->tar, name, data, len);
	buf_printf(&b->status, "%-32s %s", file, err ? strerror(-err) : "");
	if (!err)
		buf_printf(&b->status, "%zu bytes", len);
	buf_puts(&b->status, "\n");
}

/* Adds the reason why there is no such file. */
static void add_error(struct bundle *b, const char *file, const char *why, size_t len)
{
	size_t stem = strcspn(file, ".");
	char name[128];

	while (len && why[len - 1] == '\n')
		len--;
	snprintf(name, sizeof(name), "%.*s.error.txt", (int)stem, file);
	buf_printf(&b->status, "%-32s failed: ", file);
	buf_printable(&b->status, why, len);
	buf_puts(&b->status, "\n");
	add(b, name, why, len);
}

static void add_fact(struct bundle *b, const char *file, const struct buf *text, int err)
{
	if (err)
		add_error(b, file, strerror(-err), strlen(strerror(-err)));
	else
		add(b, file, text->data, text->len);
}

static void add_readme(struct bundle *b)
{
	_cleanup_buf_ struct buf readme = {0};

	bundle_readme(&b->target, b->prefix, b->seconds, &readme);
	add_fact(b, "README.txt", &readme, buf_error(&readme));
}

static void add_facts(struct bundle *b)
{
	_cleanup_buf_ struct buf system = {0}, list = {0}, dmesg = {0}, maps = {0};

	add_fact(b, "system.txt", &system, facts_system(&system));
	add_fact(b, "processes.txt", &list, facts_processes(&list));
	add_fact(b, "dmesg.txt", &dmesg, facts_dmesg(&dmesg));
	if (b->target.kind != TARGET_BOX)
		add_fact(b, "maps.txt", &maps, facts_maps(&b->target, &maps));
}

static void wake(struct bundle *b)
{
	http_stream_wake(b->stream);
}

static void finish(struct bundle *b)
{
	loop_timer_clear(b->loop, &b->timer);
	loop_timer_clear(b->loop, &b->patience);
	add(b, "status.txt", b->status.data, b->status.len);
	tar_finish(&b->tar);
	b->done = true;
	wake(b);
}

/* ---- answers */

static void answered(void *ctx, unsigned int status, struct buf *body)
{
	struct answer *a = ctx;
	struct bundle *b = a->bundle;
	_cleanup_buf_ struct buf why = {0};

	a->asked = NULL;
	a->open = false;
	b->nopen--;
	if (status == 200) {
		add(b, a->part->file, body->data, body->len);
	} else {
		buf_printf(&why, "%u: ", status);
		buf_append(&why, body->data, body->len);
		add_error(b, a->part->file, why.data, why.len);
	}
	if (!b->nopen)
		loop_timer_set(b->loop, &b->timer, 0);
	wake(b);
}

static void ask(struct bundle *b, struct answer *a)
{
	const struct bundle_part *p = a->part;
	_cleanup_buf_ struct buf target = {0};
	int err;

	buf_printf(&target, "%s%s", p->of_target ? b->prefix : "", p->path);
	if (p->seconds)
		buf_printf(&target, "&seconds=%" PRId64, b->seconds);
	buf_append(&target, "", 1);
	a->open = true;
	b->nopen++;
	err = buf_error(&target);
	if (!err)
		err = http_ask(b->server, target.data, answered, a, &a->asked);
	if (!err)
		return;
	a->open = false;
	b->nopen--;
	add_error(b, p->file, strerror(-err), strlen(strerror(-err)));
}

static void ask_phase(struct bundle *b, enum bundle_phase phase)
{
	size_t n;
	const struct bundle_part *parts = bundle_parts(&n);

	for (size_t i = 0; i < n; i++) {
		b->answers[i].bundle = b;
		b->answers[i].part = &parts[i];
		if (parts[i].phase == phase && b->wanted & (1u << i))
			ask(b, &b->answers[i]);
	}
	b->phase = phase;
	wake(b);
}

/* Half the time has passed, or the last answer of a phase has come. */
static void next_phase(struct loop_timer *t)
{
	struct bundle *b = (struct bundle *)((char *)t - offsetof(struct bundle, timer));

	if (b->phase == BUNDLE_START)
		ask_phase(b, BUNDLE_MIDDLE);
	else if (!b->nopen && b->phase == BUNDLE_MIDDLE)
		ask_phase(b, BUNDLE_END);
	else if (!b->nopen)
		finish(b);
	/* Whatever was asked may have been answered at once. */
	if (!b->nopen && !b->done)
		loop_timer_set(b->loop, &b->timer, 0);
}

static void give_up(struct loop_timer *t)
{
	static const char why[] = "no answer in time";
	struct bundle *b = (struct bundle *)((char *)t - offsetof(struct bundle, patience));

	for (size_t i = 0; i < BUNDLE_PARTS_MAX; i++) {
		struct answer *a = &b->answers[i];

		if (!a->open)
			continue;
		http_ask_cancel(take_ptr(a->asked));
		a->open = false;
		b->nopen--;
		add_error(b, a->part->file, why, strlen(why));
	}
	loop_timer_set(b->loop, &b->timer, 0);
	loop_timer_set(b->loop, &b->patience, PATIENCE_NS);
}

/* ---- the request */

static int more(void *ctx, struct buf *out)
{
	struct bundle *b = ctx;

	if (!b->done)
		tar_flush(&b->tar);
	if (buf_error(&b->pending))
		return buf_error(&b->pending);
	buf_append(out, b->pending.data, b->pending.len);
	b->pending.len = 0;
	return b->done ? 0 : -EAGAIN;
}

static void end(void *ctx)
{
	struct bundle *b = ctx;

	for (size_t i = 0; i < BUNDLE_PARTS_MAX; i++)
		if (b->answers[i].open)
			http_ask_cancel(b->answers[i].asked);
	loop_timer_clear(b->loop, &b->timer);
	loop_timer_clear(b->loop, &b->patience);
	tar_deinit(&b->tar);
	buf_deinit(&b->pending);
	buf_deinit(&b->status);
	free(b);
}

/* What may stand in a file name wherever it is unpacked. */
static void put_plain(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
			     (c >= 'A' && c <= 'Z') || c == '-' || c == '_';

		out[n++] = plain ? (char)c : '_';
	}
	out[n] = '\0';
}

static void set_dir(struct bundle *b, time_t now)
{
	char host[64] = "", plain_host[64], what[TARGET_COMM_MAX + 16] = "box", when[32] = "";
	struct tm tm;

	gethostname(host, sizeof(host) - 1);
	put_plain(plain_host, sizeof(plain_host), host);
	if (b->target.kind == TARGET_PID)
		snprintf(what, sizeof(what), "%d", (int)b->target.pid);
	if (b->target.kind == TARGET_COMM)
		put_plain(what, sizeof(what), b->target.comm);
	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y%m%dT%H%M%SZ", &tm);
	snprintf(b->dir, sizeof(b->dir), "kpprof-%s-%s-%s", plain_host, what, when);
}

static void begin(struct bundle *b, struct http_request *req)
{
	char disposition[DIR_MAX + 64];
	const struct http_header headers[] = {
		{"Content-Type", "application/gzip"},
		{"Content-Disposition", disposition},
	};

	snprintf(disposition, sizeof(disposition), "attachment; filename=\"%s.tar.gz\"", b->dir);
	/* Nobody asks for the archive's head to wait for the archive. */
	if (http_method(req) == HTTP_HEAD) {
		http_reply(req, 200, headers, ARRAY_SIZE(headers), &(struct buf){0});
		end(b);
		return;
	}
	b->stream = http_reply_stream(req, 200, headers, ARRAY_SIZE(headers), more, end, b);
	if (!b->stream)
		return;
	add_readme(b);
	/* What takes its time is asked for first; what is added meanwhile is of the same time. */
	ask_phase(b, BUNDLE_START);
	add_facts(b);
	loop_timer_set(b->loop, &b->timer, (uint64_t)b->seconds * NSEC_PER_SEC / 2);
	loop_timer_set(b->loop, &b->patience, (uint64_t)b->seconds * NSEC_PER_SEC + PATIENCE_NS);
	wake(b);
}

void bundle_serve(struct armed_list *armed, struct http_request *req, const struct route *route)
{
	int64_t seconds = BUNDLE_SECONDS_DEFAULT;
	time_t now = time(NULL);
	struct bundle *b;

	if (answer_number(req, "seconds", 1, BUNDLE_SECONDS_MAX, &seconds))
		return;
	b = calloc(1, sizeof(*b));
	if (!b) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	b->loop = engine_loop(armed->engine);
	b->server = http_server_of(req);
	b->target = route->target;
	b->seconds = seconds;
	b->wanted = bundle_wanted(armed, &route->target);
	b->timer.cb = next_phase;
	b->patience.cb = give_up;
	snprintf(b->prefix, sizeof(b->prefix), "%s", route->prefix);
	set_dir(b, now);
	if (tar_init(&b->tar, &b->pending, now)) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		end(b);
		return;
	}
	begin(b, req);
}
