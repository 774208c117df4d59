// SPDX-License-Identifier: GPL-2.0-or-later
/* The verdict for people. */
#include <string.h>

#include "../threads/dump.h"
#include "parts.h"
#include "../base/escape.h"
#include "verdict.h"

/* What one verdict shows; the rest is counted. */
enum { GROUPS_SHOWN = 32, MEMBERS_SHOWN = 64, BEHIND_SHOWN = 8 };

struct teller {
	const struct locks *l;
	void (*name)(void *ctx, size_t i, struct buf *out);
	void *ctx;
	struct buf *out;
};

static void tell_thread(const struct teller *t, uint32_t i)
{
	const struct dump_thread *thread = &t->l->tasks.threads[i];
	char name[4 * sizeof(thread->name)];

	buf_printf(t->out, "thread %d \"%s\"", (int)thread->tid,
		   escape_line(thread->name, name, sizeof(name)));
	if (t->l->tasks.nprocesses > 1)
		buf_printf(t->out, " of process %d", (int)thread->pid);
}

/* "  thread 812 "worker" [mutex lock]: mutex 0x55d0 (normal), held by ...", and where. */
static void tell_wait(const struct teller *t, uint32_t i)
{
	const struct lock_wait *w = &t->l->waits[i];

	buf_puts(t->out, "  ");
	tell_thread(t, i);
	buf_printf(t->out, " [%s]%s%s\n", w->reason, w->detail[0] ? ": " : "", w->detail);
	if (t->name)
		t->name(t->ctx, i, t->out);
}

static const char *plural(uint32_t n)
{
	return n == 1 ? "" : "s";
}

static void tell_head(const struct teller *t, const struct deadlock *d,
		      const struct graph_group *group)
{
	uint32_t first = d->graph->members[group->first];

	buf_puts(t->out, d->likely ? "DEADLOCK (likely): " : "DEADLOCK: ");
	switch (group->kind) {
	case GRAPH_CYCLE:
		buf_printf(t->out, "%u threads wait for each other\n", group->n);
		break;
	case GRAPH_SELF:
		tell_thread(t, first);
		buf_puts(t->out, " waits for what it holds itself\n");
		break;
	case GRAPH_GONE:
		tell_thread(t, first);
		buf_puts(t->out, t->l->waits[first].owner_gone
					 ? " waits for a lock whose owner has exited\n"
					 : " was refused a lock because of a cycle, and waits for "
					   "ever\n");
		break;
	case GRAPH_KNOT:
		buf_printf(t->out,
			   "%u thread%s wait%s for locks that do not record who holds them, and "
			   "every thread that can hold them waits too\n",
			   group->n, plural(group->n), group->n == 1 ? "s" : "");
		break;
	}
}

static void tell_behind(const struct teller *t, const struct deadlock *d, uint32_t behind)
{
	const struct graph *g = d->graph;
	const struct graph_group *group = &g->groups[d->group];
	uint32_t shown = 0;

	if (!behind)
		return;
	buf_printf(t->out, "  and behind %s:\n", group->n == 1 ? "it" : "them");
	for (uint32_t i = 0; i < g->n && shown < BEHIND_SHOWN; i++) {
		if (g->group[i] != d->group || g->member[i])
			continue;
		tell_wait(t, i);
		shown++;
	}
	if (behind > shown)
		buf_printf(t->out, "  and %u more thread%s\n", behind - shown,
			   plural(behind - shown));
}

static void tell_deadlock(const struct teller *t, const struct deadlock *d)
{
	const struct graph_group *group = &d->graph->groups[d->group];
	uint32_t n = group->n < MEMBERS_SHOWN ? group->n : MEMBERS_SHOWN;

	tell_head(t, d, group);
	for (uint32_t m = 0; m < n; m++)
		tell_wait(t, d->graph->members[group->first + m]);
	if (n < group->n)
		buf_printf(t->out, "  and %u more thread%s in it\n", group->n - n,
			   plural(group->n - n));
	tell_behind(t, d, group->behind);
	buf_puts(t->out, "\n");
}

static void tell_convoy(const struct teller *t, const struct convoy *c)
{
	const uint32_t *members = locks_convoy_members(t->l, c);
	uint32_t n = c->n < BEHIND_SHOWN ? c->n : BEHIND_SHOWN;

	buf_printf(t->out, "CONVOY: %u threads wait ", c->n);
	if (c->holder == GRAPH_NONE) {
		buf_puts(t->out, "for one lock\n");
	} else {
		buf_puts(t->out, "behind ");
		tell_thread(t, c->holder);
		buf_puts(t->out, ", which is here:\n");
		tell_wait(t, c->holder);
		buf_puts(t->out, "  behind it:\n");
	}
	for (uint32_t m = 0; m < n; m++)
		tell_wait(t, members[m]);
	if (n < c->n)
		buf_printf(t->out, "  and %u more thread%s\n", c->n - n, plural(c->n - n));
	buf_puts(t->out, "\n");
}

const uint32_t *locks_convoy_members(const struct locks *l, const struct convoy *c)
{
	return (const uint32_t *)(const void *)l->convoy_members.data + c->first;
}

void locks_verdict_text(const struct locks *l, void (*name)(void *ctx, size_t i, struct buf *out),
			void *ctx, struct buf *out)
{
	const struct deadlock *deadlocks = (const struct deadlock *)(const void *)l->deadlocks.data;
	const struct convoy *convoys = (const struct convoy *)(const void *)l->convoys.data;
	struct teller t = {.l = l, .name = name, .ctx = ctx, .out = out};
	size_t ndeadlocks = locks_deadlocks(l), nconvoys = locks_convoys(l);

	if (!ndeadlocks)
		buf_puts(out, "no deadlock\n");
	for (size_t k = 0; k < ndeadlocks && k < GROUPS_SHOWN; k++)
		tell_deadlock(&t, &deadlocks[k]);
	if (ndeadlocks > GROUPS_SHOWN)
		buf_printf(out, "and %zu more deadlocks\n\n", ndeadlocks - GROUPS_SHOWN);
	for (size_t k = 0; k < nconvoys && k < GROUPS_SHOWN; k++)
		tell_convoy(&t, &convoys[k]);
	if (nconvoys > GROUPS_SHOWN)
		buf_printf(out, "and %zu more convoys\n\n", nconvoys - GROUPS_SHOWN);
}
