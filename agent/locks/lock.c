// SPDX-License-Identifier: GPL-2.0-or-later
#include "lock.h"

static const struct {
	const char *reason;
	const char *name;
} types[LOCK_TYPES_N] = {
#define T(id, why, what) [LOCK_##id] = {why, what},
	KPPROF_LOCK_TYPES(T)
#undef T
};

const char *lock_reason(enum lock_type t)
{
	return types[t].reason;
}

const char *lock_name(enum lock_type t)
{
	return types[t].name;
}

/* A PI futex that is no library's mutex has its owner in the word all the same. */
static void read_pi(const struct space *s, const struct futex_wait *w, struct lock *out)
{
	uint32_t word;

	if (lock_pi_mutex(s, w->addr, out) || (w->addr >= 4 && lock_pi_mutex(s, w->addr - 4, out)))
		return;
	out->type = LOCK_MUTEX;
	out->kind = "priority-inheriting futex";
	out->holder = HOLDER_UNKNOWN;
	if (!space_word(s, w->addr, &word) || !(word & LOCK_TID_MASK))
		return;
	out->holder = HOLDER_THREAD;
	out->owner = (pid_t)(word & LOCK_TID_MASK);
}

void lock_read(const struct space *s, const struct futex_wait *w, uint64_t sp, struct lock *out)
{
	*out = (struct lock){
		.type = LOCK_FUTEX,
		.kind = "",
		.addr = w->addr,
		.shared = w->shared,
		.timed = w->timed,
	};
	if (w->many)
		return;
	if (w->requeue) {
		out->type = LOCK_COND;
		return;
	}
	if (w->pi) {
		read_pi(s, w, out);
		return;
	}
	/* The layouts exclude each other by alignment and by the values that are waited for. */
	if (!musl_lock(s, w, sp, out))
		glibc_lock(s, w, out);
}

bool lock_pi_mutex(const struct space *s, uint64_t addr, struct lock *out)
{
	return addr % 8 == 0 && (glibc_pi_mutex(s, addr, out) || musl_pi_mutex(s, addr, out));
}
