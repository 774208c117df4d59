// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads that wait behind one holder, which is no deadlock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/hash.h"
#include "parts.h"

/* With one waiter a lock does its work; from two on they queue. */
enum { CONVOY_MIN = 2 };

static bool is_queued(const struct locks *l, uint32_t i)
{
	const struct lock *lock = &l->found[i];

	if (!(l->flags[i] & THREAD_FUTEX) || l->sure.stuck[i] || (l->flags[i] & THREAD_MOVED))
		return false;
	switch (lock->type) {
	case LOCK_FUTEX:
	case LOCK_JOIN:
	case LOCK_COND:
	case LOCK_SEM:
		return false;
	default:
		return true;
	}
}

/* The holder, when it is known, else the lock. */
static void make_key(struct locks *l, uint32_t i, uint64_t key[4])
{
	int64_t owner = l->waits[i].owner ? tasks_find(&l->tasks, l->waits[i].owner) : -1;

	memset(key, 0, 4 * sizeof(*key));
	if (owner >= 0 && owner != i) {
		key[0] = 1;
		key[1] = (uint64_t)owner;
		return;
	}
	key[0] = 2 + (uint64_t)l->found[i].type;
	if (l->found[i].addr)
		task_object(&l->tasks.processes[l->tasks.process_of[i]], l->found[i].addr,
			    l->found[i].shared, key + 1);
	else
		key[1] = (uint64_t)l->waits[i].owner;
}

static uint32_t holder_of(const struct intern *keys, uint32_t k)
{
	uint64_t key[4];
	size_t len;

	memcpy(key, intern_key(keys, k, &len), sizeof(key));
	return key[0] == 1 ? (uint32_t)key[1] : GRAPH_NONE;
}

/* Sorts the waiters by key; @next is where the next one of each key goes. */
static int make_convoys(struct locks *l, const struct intern *keys, const uint32_t *key_of)
{
	_cleanup_free_ uint32_t *counts = calloc((size_t)keys->n + 1, sizeof(*counts));
	_cleanup_free_ uint32_t *next = calloc((size_t)keys->n + 1, sizeof(*next));
	uint32_t sum = 0;
	uint32_t *members;

	if (!counts || !next)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->tasks.n; i++)
		if (key_of[i] != GRAPH_NONE)
			counts[key_of[i]]++;
	for (uint32_t k = 0; k < keys->n; k++) {
		struct convoy c = {.holder = holder_of(keys, k), .first = sum, .n = counts[k]};

		next[k] = sum;
		if (c.n < CONVOY_MIN)
			continue;
		buf_append(&l->convoys, &c, sizeof(c));
		sum += c.n;
	}
	members = buf_reserve(&l->convoy_members, (sum + 1) * sizeof(*members));
	if (!members || buf_error(&l->convoys))
		return -ENOMEM;
	for (uint32_t i = 0; i < l->tasks.n; i++)
		if (key_of[i] != GRAPH_NONE && counts[key_of[i]] >= CONVOY_MIN)
			members[next[key_of[i]]++] = i;
	l->convoy_members.len = sum * sizeof(*members);
	return 0;
}

int locks_find_convoys(struct locks *l)
{
	_cleanup_free_ uint32_t *key_of = malloc((l->tasks.n + 1) * sizeof(*key_of));
	_cleanup_(intern_deinit) struct intern keys = {0};

	if (!key_of)
		return -ENOMEM;
	for (uint32_t i = 0; i < l->tasks.n; i++) {
		uint64_t key[4];
		int64_t number;

		key_of[i] = GRAPH_NONE;
		if (!is_queued(l, i))
			continue;
		make_key(l, i, key);
		number = intern_add(&keys, key, sizeof(key));
		if (number < 0)
			return -ENOMEM;
		key_of[i] = (uint32_t)number;
	}
	return make_convoys(l, &keys, key_of);
}
