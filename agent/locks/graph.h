/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The wait-for graph. A thread that waits is stuck when all that could let it go are stuck. What is
 * known of who that is differs: one thread, any thread of a process, nobody any more. The stuck
 * ones are the largest set in which that holds for each: found by taking out, until nothing
 * changes, each thread that somebody outside of the set could let go.
 */
#ifndef KPPROF_GRAPH_H
#define KPPROF_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who can let a thread go. */
enum graph_release {
	RELEASE_FREE,	 /* it does not wait for a lock, or something outside of the graph can */
	RELEASE_THREAD,	 /* one thread */
	RELEASE_PROCESS, /* any thread of a process */
	RELEASE_NEVER,	 /* nobody any more */
	RELEASE_DEAD,	 /* it has ended itself, and lets nobody go */
};

/**
 * struct graph_node - one thread
 * @process: number of its process
 * @by: who can let it go
 * @owner: of RELEASE_THREAD, the node; of RELEASE_PROCESS, the number of the process
 * @idle: RELEASE_FREE, but waits for a signal and nothing else, as a thread that holds no lock may
 */
struct graph_node {
	uint32_t process;
	enum graph_release by;
	uint32_t owner;
	bool idle;
};

enum { GRAPH_NONE = UINT32_MAX };

/* What a group of stuck threads is. */
enum graph_kind {
	GRAPH_CYCLE, /* each waits for the next */
	GRAPH_SELF,  /* a cycle of one */
	GRAPH_GONE,  /* waits for what nobody can give any more */
	GRAPH_KNOT,  /* whoever could let go is stuck himself, though it is not known who it is */
};

/**
 * struct graph_group - threads that are stuck together
 * @kind: how
 * @first: where its threads begin in struct graph.members; of a cycle in its order
 * @n: how many
 * @behind: threads that are stuck behind these
 * @process: of a knot, whose threads are waited for
 */
struct graph_group {
	enum graph_kind kind;
	uint32_t first;
	uint32_t n;
	uint32_t behind;
	uint32_t process;
};

/**
 * struct graph - what was found
 * @n: nodes
 * @stuck: whether each is stuck
 * @next: what each waits for: a node, or GRAPH_NONE
 * @group: group that a stuck node leads to, or is part of; GRAPH_NONE for others
 * @member: whether it is part of it
 * @members: nodes of the groups
 * @groups: all groups
 * @ngroups: how many
 */
struct graph {
	uint32_t n;
	bool *stuck;
	uint32_t *next;
	uint32_t *group;
	bool *member;
	uint32_t *members;
	uint32_t nmembers;
	struct graph_group *groups;
	uint32_t ngroups;
};

/**
 * graph_solve() - find who is stuck
 * @nodes: all threads
 * @n: how many
 * @nprocesses: numbers of processes are below it
 * @excuse: threads that wait for a signal only are taken for ones that hold no lock
 * @out: to be given to graph_deinit()
 *
 * Takes time and memory proportional to the threads.
 *
 * Return: 0 or -ENOMEM.
 */
int graph_solve(const struct graph_node *nodes, uint32_t n, uint32_t nprocesses, bool excuse,
		struct graph *out);

/** graph_deinit() - free what was found */
void graph_deinit(struct graph *g);

#endif /* KPPROF_GRAPH_H */
