// SPDX-License-Identifier: GPL-2.0-or-later
#include "symbol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "../http/server.h"
#include "../image/maps.h"
#include "model.h"
#include "places.h"
#include "resolve.h"

enum {
	/* Addresses in one question. */
	ADDRESSES_MAX = 100000,
	/* Processes that are asked, when the target is a name. */
	PROCESSES_MAX = 64,
};

/* A question, from its addresses to its answer. The profile has no samples, only locations. */
struct symbol_request {
	struct engine *engine;
	struct http_request *req;
	struct profile profile;
	struct places places;
	struct resolve *resolve;
	struct maps *maps[PROCESSES_MAX];
	pid_t pids[PROCESSES_MAX];
	size_t nmaps;
	struct buf asked; /* struct asked */
};

/* One address, and where it is in the profile. */
struct asked {
	uint64_t addr;
	uint32_t location;
};

static void request_free(struct symbol_request *r)
{
	for (size_t i = 0; i < r->nmaps; i++)
		maps_put(r->maps[i]);
	buf_deinit(&r->asked);
	places_deinit(&r->places);
	profile_deinit(&r->profile);
	engine_unuse(r->engine);
	free(r);
}

static void client_gone(void *ctx)
{
	struct symbol_request *r = ctx;

	resolve_cancel(r->resolve);
	request_free(r);
}

/* The first line says that there are symbols; pprof looks only at zero or not. */
static void named(void *ctx)
{
	struct symbol_request *r = ctx;
	const struct asked *a = (const void *)r->asked.data;
	_cleanup_buf_ struct buf out = {0};
	static const struct http_header text = {"Content-Type", "text/plain; charset=utf-8"};

	buf_puts(&out, "num_symbols: 1\n");
	for (size_t i = 0; i < r->asked.len / sizeof(*a); i++) {
		size_t len;
		const char *name = profile_location_name(&r->profile, a[i].location, &len);

		if (name)
			buf_printf(&out, "%#llx %.*s\n", (unsigned long long)a[i].addr, (int)len,
				   name);
	}
	http_reply(r->req, 200, &text, 1, &out);
	request_free(r);
}

static void ask(struct symbol_request *r, uint64_t addr)
{
	struct asked a = {.addr = addr};
	int64_t location = -ENOENT;

	if (addr >> 63)
		location = places_kernel(&r->places, addr);
	for (size_t i = 0; location < 0 && i < r->nmaps; i++)
		if (maps_find(r->maps[i], addr) >= 0)
			location = places_user(&r->places, r->pids[i], r->maps[i], addr);
	if (location < 0)
		return;
	a.location = (uint32_t)location;
	buf_append(&r->asked, &a, sizeof(a));
}

/* Addresses joined by '+', in hexadecimal with 0x or as Go's ParseUint(s, 0, 64) takes them; others
 * are skipped. */
static void ask_all(struct symbol_request *r, const char *text)
{
	size_t n = 0;

	while (*text && n++ < ADDRESSES_MAX) {
		size_t len = strcspn(text, "+");
		uint64_t addr;
		char *end;

		errno = 0;
		addr = *text >= '0' && *text <= '9' ? strtoull(text, &end, 0) : (end = NULL, 0);
		if (!errno && end == text + len)
			ask(r, addr);
		text += len + (text[len] == '+');
	}
}

static void read_maps(struct symbol_request *r, const struct target *target)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *p;

	if (target->kind == TARGET_BOX || find_processes(target, &pids))
		return;
	p = (const void *)pids.data;
	for (size_t i = 0; i < pids.len / sizeof(*p) && r->nmaps < PROCESSES_MAX; i++) {
		if (maps_read(engine_store(r->engine), p[i], &r->maps[r->nmaps]))
			continue;
		r->pids[r->nmaps++] = p[i];
	}
}

void symbol_serve(struct engine *engine, struct http_request *req, const struct target *target)
{
	struct symbol_request *r = calloc(1, sizeof(*r));
	_cleanup_buf_ struct buf text = {0};

	if (!r) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	engine_use(engine);
	r->engine = engine;
	r->req = req;
	places_init(&r->places, &r->profile);
	if (profile_init(&r->profile, 0)) {
		request_free(r);
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	if (http_method(req) == HTTP_POST)
		buf_append(&text, http_body(req)->data, http_body(req)->len);
	else
		buf_puts(&text, http_query(req));
	buf_append(&text, "", 1);
	read_maps(r, target);
	if (!buf_error(&text))
		ask_all(r, text.data);
	http_on_gone(req, client_gone, r);
	if (resolve_start(engine, &r->places, named, r, &r->resolve)) {
		request_free(r);
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
	}
}
