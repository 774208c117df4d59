/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of locks/ share about one reading. */
#ifndef KPPROF_LOCKS_PARTS_H
#define KPPROF_LOCKS_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "filelocks.h"
#include "graph.h"
#include "lock.h"
#include "locks.h"
#include "tasks.h"

/**
 * struct deadlock - one group of threads of the verdict
 * @graph: where it was found
 * @group: its number there
 * @likely: it holds if the threads that wait for a signal, or the main one that sleeps, hold
 *	nothing
 */
struct deadlock {
	const struct graph *graph;
	uint32_t group;
	bool likely;
};

/**
 * struct convoy - threads behind one holder that are no deadlock
 * @holder: its thread, GRAPH_NONE when it is not known or not in the dump
 * @first: where its waiters begin in struct locks.convoy_members
 * @n: how many
 */
struct convoy {
	uint32_t holder;
	uint32_t first;
	uint32_t n;
};

/* What else is known of a thread: bits. */
enum {
	THREAD_FUTEX = 1,   /* waits on a futex, and struct locks.found says for what */
	THREAD_FILE = 2,    /* waits for a file lock */
	THREAD_PARKED = 4,  /* see park.h */
	THREAD_SIGNAL = 8,  /* waits for a signal only */
	THREAD_SLEEPS = 16, /* sleeps for a time */
	THREAD_CHECK = 32,  /* the verdict rests on it: it is looked at again */
	THREAD_MOVED = 64,  /* it has run meanwhile */
};

/**
 * struct locks - one reading
 * @tasks: threads and processes
 * @waits: for each thread
 * @found: same: what it waits for
 * @flags: same: THREAD_ bits
 * @fds: same: descriptor of THREAD_FILE
 * @nodes: same, for the graph
 * @file_locks: struct file_lock
 * @file_locks_known: /proc/locks was read
 * @outside: see locks_outside()
 * @sure: graph in which only what waits for a lock is stuck
 * @likely: graph in which those that wait for a signal are excused
 * @deadlocks: struct deadlock
 * @convoys: struct convoy
 * @convoy_members: uint32_t
 */
struct locks {
	struct tasks tasks;
	struct lock_wait *waits;
	struct lock *found;
	uint8_t *flags;
	unsigned int *fds;
	struct graph_node *nodes;
	struct buf file_locks;
	bool file_locks_known;
	struct buf outside;
	struct graph sure;
	struct graph likely;
	struct buf deadlocks;
	struct buf convoys;
	struct buf convoy_members;
};

/** locks_find() - read again what thread @i waits for; false when it is no lock */
bool locks_find(struct locks *l, uint32_t i, struct lock *out);

/** locks_space() - memory of thread @i */
struct space *locks_space(struct locks *l, uint32_t i);

/** locks_find_all_parked() - find the threads that a library has parked, and what they asked for */
void locks_find_all_parked(struct locks *l);

/** locks_find_parked() - read again what parked thread @i asked for */
bool locks_find_parked(struct locks *l, uint32_t i, struct lock *out);

/** locks_resolve() - make a node and the owner of @l->found[@i] */
void locks_resolve(struct locks *l, uint32_t i);

/** locks_check() - look at all THREAD_CHECK threads again, and set THREAD_MOVED */
void locks_check(struct locks *l);

/** locks_describe() - set reason and detail of thread @i from @l->found; false without memory */
bool locks_describe(struct locks *l, uint32_t i);

/** locks_find_convoys() - fill in the convoys of threads that are not stuck; 0 or -ENOMEM */
int locks_find_convoys(struct locks *l);

/** locks_describe_lock() - append name, address and kind: "mutex 0x55d0 (recursive)" */
void locks_describe_lock(const struct lock *lock, struct buf *out);

#endif /* KPPROF_LOCKS_PARTS_H */
