// SPDX-License-Identifier: GPL-2.0-or-later
#include "block.h"

#include <string.h>

#include "../base/cleanup.h"
#include "../http/server.h"
#include "text.h"
#include "watched.h"

static const char *const names[WAIT_KINDS_N] = {
#define K(id, text) [WAIT_##id] = text,
	KPPROF_WAIT_KINDS(K)
#undef K
};

enum {
	ALL_WAITS = (1 << WAIT_KINDS_N) - 1,
	IDLE_WAITS = 1 << WAIT_POLL | 1 << WAIT_SLEEP,
};

static int kind_named(const char *name, size_t len)
{
	for (int k = WAIT_NONE + 1; k < WAIT_KINDS_N; k++)
		if (strlen(names[k]) == len && memcmp(names[k], name, len) == 0)
			return k;
	return WAIT_NONE;
}

uint32_t wait_kinds_parse(const char *text)
{
	uint32_t bits = 0;

	if (strcmp(text, "all") == 0)
		return ALL_WAITS;
	for (;;) {
		size_t len = strcspn(text, ",");
		int kind = kind_named(text, len);

		if (kind == WAIT_NONE)
			return 0;
		bits |= 1u << kind;
		if (!text[len])
			return bits;
		text += len + 1;
	}
}

/* ---- what is counted */

/* Where a wait is counted; one that goes on has its own label. */
static uint32_t sample_of(struct cumulative *c, const struct wait_event *w, bool open)
{
	const struct profile_label labels[] = {
		cumulative_label(c, "wait", names[w->kind]),
		cumulative_label(c, "thread", w->thread),
		cumulative_label(c, "open", open ? "yes" : NULL),
	};

	return cumulative_sample(c, w->pid, &w->stack, labels, ARRAY_SIZE(labels));
}

static void on_wait(void *ctx, const struct wait_event *w)
{
	const double values[] = {w->count, w->ns};
	struct cumulative *c = ctx;

	cumulative_count(c, sample_of(c, w, false), values);
	cumulative_weigh(c, &w->stack, w->ns);
}

/*
 * What is over later has a chance to be left out when it is shorter than the rate; what is longer
 * comes for certain. So only that is shown as open: a total does not go down.
 *
 * A difference counts a wait in which it ends, or that still goes on at its end, with the time that
 * lies inside it.
 */
static void on_open(void *ctx, const struct wait_event *w)
{
	const double values[] = {1, w->ns}, carried[] = {0, w->ns};
	struct cumulative *c = ctx;

	if (w->ns < (double)c->armed.spec.rate)
		return;
	cumulative_open(c, sample_of(c, w, true), sample_of(c, w, false), values, carried);
	cumulative_weigh(c, &w->stack, w->ns);
}

static int start(struct cumulative *c)
{
	struct watched *w = (struct watched *)c;

	w->watch.what = WATCH_BLOCK;
	w->watch.on_wait = on_wait;
	w->watch.on_exit = watched_exit;
	w->on_open = on_open;
	return watched_start(w);
}

const struct cumulative_kind block_profile = {
	.armed = {.id = KPPROF_KIND_BLOCK, .name = "block", WATCHED_RATE, CUMULATIVE_ARMED},
	.start = start,
	WATCHED_CONTENTION,
};

/* ---- what is answered */

static bool keep(const struct cumulative *c, const struct profile_label *labels, size_t n,
		 uint64_t filter)
{
	const struct intern *strings = &c->profile.strings;

	for (size_t i = 0; i < n; i++) {
		size_t len;
		const char *key = intern_key(strings, labels[i].key, &len), *value;

		if (len != strlen("wait") || memcmp(key, "wait", len) != 0)
			continue;
		value = intern_key(strings, labels[i].str, &len);
		return filter & 1u << kind_named(value, len);
	}
	return true;
}

static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	(void)c;
	text_contention(p, "contention", out);
}

void block_serve(struct armed_list *l, struct http_request *req, const struct target *target)
{
	const char *wait = http_param(req, "wait");
	const struct cumulative_view view = {
		.kind = &block_profile,
		.name = "block",
		.filter = wait ? wait_kinds_parse(wait) : ALL_WAITS & ~IDLE_WAITS,
		.keep = keep,
		.text = text,
	};

	if (!view.filter) {
		http_reply_error(req, 400,
				 "invalid value for \"wait\" - must be all, or a list of lock, io, "
				 "disk, net, pipe, fault, poll, sleep, runqueue, other");
		return;
	}
	cumulative_serve(l, req, target, &view);
}
