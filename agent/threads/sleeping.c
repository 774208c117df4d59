// SPDX-License-Identifier: GPL-2.0-or-later
#include "sleeping.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "../engine/user_stack.h"
#include "../image/maps.h"
#include "../image/store.h"
#include "dump.h"

enum { PAGE = 4096, WINDOW = 2 * PAGE };

/* A copy of the thread's memory, from the beginning of a page on: a stack is read upwards. */
struct window {
	uint64_t base;
	size_t len;
	char data[WINDOW];
};

/* What the walker's reads are answered from. Two windows, because a search runs ahead. */
struct memory {
	pid_t tid;
	const struct maps *maps;
	unsigned int next;
	struct window windows[2];
};

static bool take(const struct window *w, uint64_t addr, uint64_t *val)
{
	uint64_t at = addr - w->base;

	if (at >= w->len || w->len - at < sizeof(*val))
		return false;
	memcpy(val, w->data + at, sizeof(*val));
	return true;
}

static void load(struct memory *m, struct window *w, uint64_t addr)
{
	struct iovec to = {w->data, sizeof(w->data)}, from[2];
	ssize_t n;

	/* What cannot be read cuts an element short: each page is one. */
	w->base = addr & ~(uint64_t)(PAGE - 1);
	from[0] = (struct iovec){(void *)w->base, PAGE};
	from[1] = (struct iovec){(void *)(w->base + PAGE), PAGE};
	n = process_vm_readv(m->tid, &to, 1, from, 2, 0);
	w->len = n > 0 ? (size_t)n : 0;
}

static int read_memory(void *ctx, __u64 addr, __u64 *val)
{
	struct memory *m = ctx;
	struct window *w;
	uint64_t got = 0;
	int err = 0;

	if (!take(&m->windows[0], addr, &got) && !take(&m->windows[1], addr, &got)) {
		err = user_code_read(m->tid, m->maps, addr, &got);
		if (err == -ENOENT) {
			w = &m->windows[m->next ^= 1];
			load(m, w, addr);
			err = take(w, addr, &got) ? 0 : -EFAULT;
		}
	}
	*val = got;
	return err;
}

unsigned int sleeping_walk(struct image_store *store, const struct dump_thread *t,
			   struct maps *maps, __u64 *pcs, unsigned int max,
			   struct kpprof_walk *walk, struct image **awaited)
{
	struct memory m;
	unsigned int n;

	/* Not all of it: the windows are large, and filled when they are used. */
	m.tid = t->tid;
	m.maps = maps;
	m.next = 0;
	m.windows[0].base = m.windows[1].base = 0;
	m.windows[0].len = m.windows[1].len = 0;
	*awaited = NULL;
	maps_refresh(store, maps);
	*walk = (struct kpprof_walk){
		.maps = maps->walk,
		.nmaps = maps->n,
		.memo = maps_memo(maps),
		.ip = t->ip,
		.regs[KPPROF_REG_SP] = t->sp,
		.only_sp = !t->have_regs,
		.read = read_memory,
		.ctx = &m,
	};
	if (t->have_regs)
		memcpy(walk->regs, t->regs, sizeof(walk->regs));
	n = kpprof_walk(walk, pcs, max);
	if (walk->end == KPPROF_END_PENDING)
		*awaited = maps->images[walk->end_map];
	return n;
}
