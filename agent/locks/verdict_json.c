// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict for programs. */
#include <string.h>

#include "../base/cleanup.h"
#include "../threads/dump.h"
#include "../base/escape.h"
#include "verdict.h"
#include "waits.h"

struct writer {
	const struct locks *l;
	void (*name)(void *ctx, size_t i, struct buf *out);
	void *ctx;
	struct buf *out;
};

static void put_string(const struct writer *w, const char *key, const char *value)
{
	buf_printf(w->out, ", \"%s\": \"", key);
	escape_json(value, strlen(value), w->out);
	buf_puts(w->out, "\"");
}

/* Lines of text as an array of strings, without what indents them. */
static void put_frames(const struct writer *w, uint32_t i)
{
	_cleanup_buf_ struct buf text = {0};
	const char *sep = "";

	buf_puts(w->out, ", \"frames\": [");
	if (w->name)
		w->name(w->ctx, i, &text);
	for (size_t at = 0; at < text.len;) {
		const char *line = text.data + at;
		const char *end = memchr(line, '\n', text.len - at);
		size_t len = end ? (size_t)(end - line) : text.len - at;

		at += len + 1;
		while (len && (*line == ' ' || *line == '\t'))
			line++, len--;
		if (!len)
			continue;
		buf_printf(w->out, "%s\"", sep);
		escape_json(line, len, w->out);
		buf_puts(w->out, "\"");
		sep = ", ";
	}
	buf_puts(w->out, "]");
}

static void put_thread(const struct writer *w, uint32_t i)
{
	const struct dump_thread *t = &w->l->tasks.threads[i];
	const struct lock_wait *wait = &w->l->waits[i];
	const struct lock *lock = &w->l->found[i];
	char name[4 * sizeof(t->name)];

	buf_printf(w->out, "{\"pid\": %d, \"tid\": %d", (int)t->pid, (int)t->tid);
	put_string(w, "name", escape_line(t->name, name, sizeof(name)));
	put_string(w, "kind", wait_kind_name(wait->kind));
	put_string(w, "reason", wait->reason);
	put_string(w, "detail", wait->detail);
	if (wait->lock) {
		buf_printf(w->out, ", \"lock\": \"0x%llx\"", (unsigned long long)wait->lock);
		put_string(w, "lock_type", lock_name(lock->type));
		put_string(w, "lock_kind", lock->kind);
	}
	if (wait->owner)
		buf_printf(w->out, ", \"owner\": %d", (int)wait->owner);
	if (wait->owner_gone)
		buf_puts(w->out, ", \"owner_gone\": true");
	put_frames(w, i);
	buf_puts(w->out, "}");
}

static void put_threads(const struct writer *w, const char *key, const uint32_t *threads,
			uint32_t n)
{
	buf_printf(w->out, ", \"%s\": [", key);
	for (uint32_t m = 0; m < n; m++) {
		buf_puts(w->out, m ? ", " : "");
		put_thread(w, threads[m]);
	}
	buf_puts(w->out, "]");
}

/* Of those behind only the numbers. */
static void put_behind(const struct writer *w, const struct deadlock *d)
{
	const struct graph *g = d->graph;
	const char *sep = "";

	buf_puts(w->out, ", \"behind\": [");
	for (uint32_t i = 0; g->groups[d->group].behind && i < g->n; i++) {
		if (g->group[i] != d->group || g->member[i])
			continue;
		buf_printf(w->out, "%s%d", sep, (int)w->l->tasks.threads[i].tid);
		sep = ", ";
	}
	buf_puts(w->out, "]");
}

static void put_deadlock(const struct writer *w, const struct deadlock *d)
{
	static const char *const kinds[] = {
		[GRAPH_CYCLE] = "cycle",
		[GRAPH_SELF] = "self",
		[GRAPH_GONE] = "owner exited",
		[GRAPH_KNOT] = "all waiting",
	};
	const struct graph_group *group = &d->graph->groups[d->group];
	const char *kind = kinds[group->kind];

	if (group->kind == GRAPH_GONE && !w->l->waits[d->graph->members[group->first]].owner_gone)
		kind = "refused";
	buf_printf(w->out, "{\"kind\": \"%s\", \"likely\": %s", kind, d->likely ? "true" : "false");
	put_threads(w, "threads", d->graph->members + group->first, group->n);
	put_behind(w, d);
	buf_puts(w->out, "}");
}

static void put_convoy(const struct writer *w, const struct convoy *c)
{
	buf_puts(w->out, "{\"holder\": ");
	if (c->holder == GRAPH_NONE)
		buf_puts(w->out, "null");
	else
		put_thread(w, c->holder);
	put_threads(w, "waiters", locks_convoy_members(w->l, c), c->n);
	buf_puts(w->out, "}");
}

void locks_verdict_json(const struct locks *l, void (*name)(void *ctx, size_t i, struct buf *out),
			void *ctx, struct buf *out)
{
	const struct deadlock *deadlocks = (const struct deadlock *)(const void *)l->deadlocks.data;
	const struct convoy *convoys = (const struct convoy *)(const void *)l->convoys.data;
	const struct writer w = {.l = l, .name = name, .ctx = ctx, .out = out};

	buf_puts(out, "{\"deadlocks\": [");
	for (size_t k = 0; k < locks_deadlocks(l); k++) {
		buf_puts(out, k ? ",\n" : "\n");
		put_deadlock(&w, &deadlocks[k]);
	}
	buf_puts(out, "],\n\"convoys\": [");
	for (size_t k = 0; k < locks_convoys(l); k++) {
		buf_puts(out, k ? ",\n" : "\n");
		put_convoy(&w, &convoys[k]);
	}
	buf_puts(out, "]}\n");
}
