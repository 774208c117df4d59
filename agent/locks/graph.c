// SPDX-License-Identifier: GPL-2.0-or-later
#include "graph.h"

#include <errno.h>
#include <stdlib.h>

#include "../base/cleanup.h"

/* What is only needed while solving. Lists are chained through the nodes' numbers. */
struct work {
	const struct graph_node *nodes;
	uint32_t n;
	uint32_t nprocesses;
	uint32_t *waits;      /* first node that waits for this one */
	uint32_t *waits_next; /* next one that waits for the same */
	uint32_t *depends;    /* first node that waits for anybody of this process */
	uint32_t *queue;      /* nodes that were taken out */
	uint32_t queued;
	bool *loose; /* processes with a thread that is not stuck */
};

static void work_deinit(struct work *w)
{
	free(w->waits);
	free(w->waits_next);
	free(w->depends);
	free(w->queue);
	free(w->loose);
}

static uint32_t *none_array(size_t n)
{
	uint32_t *a = malloc((n + 1) * sizeof(*a));

	for (size_t i = 0; a && i <= n; i++)
		a[i] = GRAPH_NONE;
	return a;
}

/* Whoever owns @w frees it, also after an error. */
static int work_init(struct work *w, const struct graph_node *nodes, uint32_t n,
		     uint32_t nprocesses)
{
	*w = (struct work){.nodes = nodes, .n = n, .nprocesses = nprocesses};
	w->waits = none_array(n);
	w->waits_next = none_array(n);
	w->depends = none_array(nprocesses);
	w->queue = none_array(n);
	w->loose = calloc((size_t)nprocesses + 1, sizeof(*w->loose));
	if (!w->waits || !w->waits_next || !w->depends || !w->queue || !w->loose)
		return -ENOMEM;
	/* From the last one, so that each list is in the order of the nodes. */
	for (uint32_t i = n; i-- > 0;) {
		const struct graph_node *node = &nodes[i];
		uint32_t *head = node->by == RELEASE_THREAD    ? &w->waits[node->owner]
				 : node->by == RELEASE_PROCESS ? &w->depends[node->owner]
							       : NULL;

		if (!head)
			continue;
		w->waits_next[i] = *head;
		*head = i;
	}
	return 0;
}

static void take_out(struct work *w, struct graph *g, uint32_t i)
{
	if (!g->stuck[i])
		return;
	g->stuck[i] = false;
	w->queue[w->queued++] = i;
}

static void take_out_all(struct work *w, struct graph *g, uint32_t first)
{
	for (uint32_t i = first; i != GRAPH_NONE; i = w->waits_next[i])
		take_out(w, g, i);
}

/* Leaves in @g->stuck what cannot be taken out. */
static void find_stuck(struct work *w, struct graph *g, bool excuse)
{
	for (uint32_t i = 0; i < w->n; i++)
		g->stuck[i] = true;
	for (uint32_t i = 0; i < w->n; i++)
		if (w->nodes[i].by == RELEASE_FREE || w->nodes[i].by == RELEASE_DEAD)
			take_out(w, g, i);
	for (uint32_t done = 0; done < w->queued; done++) {
		uint32_t i = w->queue[done], p = w->nodes[i].process;

		take_out_all(w, g, w->waits[i]);
		if ((excuse && w->nodes[i].idle) || w->nodes[i].by == RELEASE_DEAD || w->loose[p])
			continue;
		w->loose[p] = true;
		take_out_all(w, g, w->depends[p]);
	}
}

/* What a stuck node leads to. */
static void find_next(const struct work *w, struct graph *g, const uint32_t *representative)
{
	for (uint32_t i = 0; i < w->n; i++) {
		const struct graph_node *node = &w->nodes[i];

		if (!g->stuck[i])
			continue;
		if (node->by == RELEASE_THREAD)
			g->next[i] = node->owner;
		/* In its own process nobody in particular is meant: a knot. */
		if (node->by == RELEASE_PROCESS && node->owner != node->process)
			g->next[i] = representative[node->owner];
	}
}

/*
 * Of a process that holds something, the first stuck thread stands for it; rather one that waits
 * for something else than the end of another of its threads.
 */
static void find_representatives(const struct work *w, const struct graph *g, uint32_t *out)
{
	for (uint32_t i = w->n; i-- > 0;) {
		uint32_t p = w->nodes[i].process;

		if (!g->stuck[i])
			continue;
		if (out[p] == GRAPH_NONE || w->nodes[i].by != RELEASE_THREAD ||
		    w->nodes[out[p]].by == RELEASE_THREAD)
			out[p] = i;
	}
}

static uint32_t group_add(struct graph *g, enum graph_kind kind, uint32_t process)
{
	g->groups[g->ngroups] = (struct graph_group){
		.kind = kind,
		.first = g->nmembers,
		.process = process,
	};
	return g->ngroups++;
}

static void member_add(struct graph *g, uint32_t group, uint32_t node)
{
	g->members[g->nmembers++] = node;
	g->groups[group].n++;
	g->group[node] = group;
	g->member[node] = true;
}

static void cycle_add(struct graph *g, uint32_t start)
{
	uint32_t group = group_add(g, g->next[start] == start ? GRAPH_SELF : GRAPH_CYCLE, 0);
	uint32_t first = start;

	/* It begins with its first node, so that the same cycle is always told the same way. */
	for (uint32_t i = g->next[start]; i != start; i = g->next[i])
		if (i < first)
			first = i;
	member_add(g, group, first);
	for (uint32_t i = g->next[first]; i != first; i = g->next[i])
		member_add(g, group, i);
}

/* Walks from each node to a cycle or to an end; @seen tells in which walk a node was met. */
static void find_cycles(const struct work *w, struct graph *g, uint32_t *seen)
{
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t at = i;

		while (at != GRAPH_NONE && g->stuck[at] && seen[at] == GRAPH_NONE) {
			seen[at] = i;
			at = g->next[at];
		}
		if (at != GRAPH_NONE && g->stuck[at] && seen[at] == i &&
		    g->group[at] == GRAPH_NONE && g->next[at] != GRAPH_NONE)
			cycle_add(g, at);
	}
}

/*
 * Stuck nodes without a next one: those that wait for the same process form a knot, others stand
 * for themselves.
 */
static void find_ends(const struct work *w, struct graph *g)
{
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t p = w->nodes[i].owner, group;

		if (!g->stuck[i] || g->next[i] != GRAPH_NONE || g->group[i] != GRAPH_NONE)
			continue;
		if (w->nodes[i].by == RELEASE_NEVER) {
			member_add(g, group_add(g, GRAPH_GONE, w->nodes[i].process), i);
			continue;
		}
		group = group_add(g, GRAPH_KNOT, p);
		for (uint32_t k = w->depends[p]; k != GRAPH_NONE; k = w->waits_next[k])
			if (g->stuck[k] && g->next[k] == GRAPH_NONE)
				member_add(g, group, k);
	}
}

/* Gives the others the group that they lead to. */
static void find_behind(const struct work *w, struct graph *g)
{
	for (uint32_t i = 0; i < w->n; i++) {
		uint32_t end = i, group;

		if (!g->stuck[i] || g->group[i] != GRAPH_NONE)
			continue;
		while (g->group[end] == GRAPH_NONE)
			end = g->next[end];
		group = g->group[end];
		for (uint32_t at = i; g->group[at] == GRAPH_NONE; at = g->next[at]) {
			g->group[at] = group;
			g->groups[group].behind++;
		}
	}
}

static int graph_init(struct graph *g, uint32_t n)
{
	*g = (struct graph){.n = n};
	g->stuck = calloc((size_t)n + 1, sizeof(*g->stuck));
	g->next = none_array(n);
	g->group = none_array(n);
	g->member = calloc((size_t)n + 1, sizeof(*g->member));
	g->members = none_array(n);
	g->groups = calloc((size_t)n + 1, sizeof(*g->groups));
	if (g->stuck && g->next && g->group && g->member && g->members && g->groups)
		return 0;
	graph_deinit(g);
	return -ENOMEM;
}

int graph_solve(const struct graph_node *nodes, uint32_t n, uint32_t nprocesses, bool excuse,
		struct graph *out)
{
	_cleanup_free_ uint32_t *representative = none_array(nprocesses);
	_cleanup_free_ uint32_t *seen = none_array(n);
	_cleanup_(work_deinit) struct work w = {0};

	*out = (struct graph){0};
	if (!representative || !seen || work_init(&w, nodes, n, nprocesses) || graph_init(out, n))
		return -ENOMEM;
	find_stuck(&w, out, excuse);
	find_representatives(&w, out, representative);
	find_next(&w, out, representative);
	find_cycles(&w, out, seen);
	find_ends(&w, out);
	find_behind(&w, out);
	return 0;
}

void graph_deinit(struct graph *g)
{
	free(g->stuck);
	free(g->next);
	free(g->group);
	free(g->member);
	free(g->members);
	free(g->groups);
	*g = (struct graph){0};
}
