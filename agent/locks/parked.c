// SPDX-License-Identifier: GPL-2.0-or-later
/* Parked threads of a dump: what they asked for is found through those that wait for them. */
#include "../threads/dump.h"
#include "park.h"
#include "parts.h"

/* How far a chain of owners is followed. */
enum { CHAIN_MAX = 4096 };

/* Searches beside known locks in one dump, and known locks in each: some 5 ms each. */
enum { NEAR_SEARCHES_MAX = 16, NEAR_LOCKS_MAX = 16 };

struct chain {
	struct locks *l;
	uint32_t from;
};

/* Whether who holds a lock that thread @from waits for, waits for that thread; see park.h. */
static int leads_back(void *ctx, pid_t owner)
{
	const struct chain *c = ctx;
	struct task_process *p = &c->l->tasks.processes[c->l->tasks.process_of[c->from]];
	pid_t global = task_global(p, owner);
	int64_t at = global ? tasks_find(&c->l->tasks, global) : -1;

	if (at == c->from)
		return 1;
	for (unsigned int step = 0; at >= 0 && step < CHAIN_MAX; step++) {
		if (c->l->nodes[at].by != RELEASE_THREAD)
			return 0;
		at = c->l->nodes[at].owner;
		if (at == c->from)
			return 2;
	}
	return 0;
}

static bool is_pi(const struct locks *l, uint32_t i)
{
	struct lock lock = {.kind = ""};

	return (l->flags[i] & THREAD_FUTEX) && !(l->flags[i] & THREAD_PARKED) &&
	       l->found[i].type == LOCK_MUTEX && l->found[i].holder == HOLDER_THREAD &&
	       lock_pi_mutex(locks_space((struct locks *)l, i), l->found[i].addr, &lock);
}

/* Among the locks that lie next to those that others wait for; only what is the only one counts. */
static bool find_near(struct locks *l, uint32_t from, struct lock *out)
{
	struct chain chain = {.l = l, .from = from};
	unsigned int n = 0, locks = 0;
	bool waited_for = false;

	for (uint32_t i = 0; i < l->tasks.n && n < 2 && locks < NEAR_LOCKS_MAX; i++) {
		if (l->tasks.process_of[i] != l->tasks.process_of[from] || !is_pi(l, i))
			continue;
		waited_for |= l->nodes[i].by == RELEASE_THREAD && l->nodes[i].owner == from;
		locks++;
		park_near(locks_space(l, from), l->found[i].addr, leads_back, &chain, out, &n);
	}
	if (n == 1)
		return true;
	*out = (struct lock){
		.type = LOCK_MUTEX,
		.kind = "priority-inheriting",
		.holder = HOLDER_NOBODY,
	};
	return waited_for;
}

/* A word of the stack may look like something else by chance, but not like a lock with an owner. */
static bool is_candidate(struct locks *l, uint32_t i, struct futex_wait *w)
{
	const struct dump_thread *t = &l->tasks.threads[i];

	return (l->flags[i] & THREAD_FUTEX) && l->found[i].holder == HOLDER_NONE &&
	       futex_wait_read(locks_space(l, i), t->syscall, t->args, w) &&
	       park_is_likely(w, t->sp);
}

void locks_find_all_parked(struct locks *l)
{
	unsigned int searches = 0;

	for (uint32_t i = 0; i < l->tasks.n; i++) {
		struct chain chain = {.l = l, .from = i};
		struct futex_wait w;
		struct lock lock;

		if (!is_candidate(l, i, &w))
			continue;
		if (!park_find(locks_space(l, i), &l->tasks.threads[i], leads_back, &chain,
			       &lock) &&
		    !(w.bitset && searches++ < NEAR_SEARCHES_MAX && find_near(l, i, &lock)))
			continue;
		l->flags[i] |= THREAD_PARKED;
		l->found[i] = lock;
		locks_resolve(l, i);
	}
}

bool locks_find_parked(struct locks *l, uint32_t i, struct lock *out)
{
	*out = l->found[i];
	return out->holder == HOLDER_NOBODY || lock_pi_mutex(locks_space(l, i), out->addr, out);
}
