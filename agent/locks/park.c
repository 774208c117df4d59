// SPDX-License-Identifier: GPL-2.0-or-later
#include "park.h"

#include "../base/cleanup.h"
#include "../threads/dump.h"

/* How much of the stack is searched: the frames of the lock function and of the one that waits. */
enum { STACK_WORDS = 96, STACK_NEAR = 8 * STACK_WORDS };

/* glibc keeps the address of the mutex's kind too, musl that of its lock word. */
static const uint8_t inside[] = {0, 16, 4};

bool park_is_likely(const struct futex_wait *w, uint64_t sp)
{
	return sp && !w->timed && !w->pi && w->val == 0 && w->addr >= sp &&
	       w->addr - sp < STACK_NEAR;
}

/* Bytes around a lock in which its neighbours are sought. */
enum { NEAR_BYTES = 1024 };

/* Whether @word points to or into a mutex that can be the one; @best is 0 to 2, see leads_back. */
static void consider(const struct space *s, uint64_t word,
		     int (*leads_back)(void *ctx, pid_t owner), void *ctx, int *best,
		     struct lock *out)
{
	/* No pointer of a user's program on any 64-bit machine. */
	if (word < 4096 || word >> 56)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(inside) && *best < 2; i++) {
		struct lock l = {.kind = ""};
		int how;

		if (!lock_pi_mutex(s, word - inside[i], &l) || l.holder != HOLDER_THREAD)
			continue;
		how = leads_back(ctx, l.owner);
		if (how <= *best)
			continue;
		*best = how;
		*out = l;
	}
}

bool park_find(const struct space *s, const struct dump_thread *t,
	       int (*leads_back)(void *ctx, pid_t owner), void *ctx, struct lock *out)
{
#ifdef __x86_64__
	/* rbx, rbp, r12 to r15, as DWARF numbers them. */
	static const uint8_t kept[] = {3, 6, 12, 13, 14, 15};
#else
	static const uint8_t kept[] = {0};
#endif
	uint64_t stack[STACK_WORDS];
	size_t words = STACK_WORDS;
	int best = 0;

	for (size_t i = 0; t->have_regs && i < ARRAY_SIZE(kept); i++)
		consider(s, t->regs[kept[i]], leads_back, ctx, &best, out);
	/* Near its end a stack has less. */
	while (words && s->read(s, t->sp, stack, words * sizeof(*stack)))
		words /= 2;
	for (size_t i = 0; i < words && best < 2; i++)
		consider(s, stack[i], leads_back, ctx, &best, out);
	return best > 0;
}

void park_near(const struct space *s, uint64_t addr, int (*leads_back)(void *ctx, pid_t owner),
	       void *ctx, struct lock *out, unsigned int *n)
{
	if (addr < NEAR_BYTES || addr > UINT64_MAX - NEAR_BYTES)
		return;
	for (uint64_t at = addr - NEAR_BYTES; at < addr + NEAR_BYTES; at += 8) {
		struct lock l = {.kind = ""};

		if (!lock_pi_mutex(s, at, &l) || l.holder != HOLDER_THREAD ||
		    leads_back(ctx, l.owner) != 2 || (*n && l.addr == out->addr))
			continue;
		++*n;
		*out = l;
		out->guessed = true;
	}
}
