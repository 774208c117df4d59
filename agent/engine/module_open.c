// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Waits that go on. The threads that wait are asked for twice, and their stacks are copied in
 * between: where the same wait goes on, the copy is its stack. The second time is the moment of the
 * flush. What is over by then has been told, or will be; what began later is shorter than the look
 * took.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../threads/module.h"
#include "kmod.h"
#include "module_waits.h"
#include "wait_call.h"

enum {
	PAGE = 4096,
	/* Copied of a stack; deeper ones are cut, and say so. */
	STACK_PAGES = 16,
	REG_SP = 7,
	/* Two looks at the same wait find its beginning this near: see is_near(). */
	NEAR_NS = 100000,
};

/* Reads upwards from @sp. What cannot be read cuts an element short: each page is one. */
static size_t copy_stack(pid_t tid, uint64_t sp, unsigned char *out)
{
	struct iovec to = {out, STACK_PAGES * PAGE}, from[STACK_PAGES];
	size_t first = PAGE - sp % PAGE;
	ssize_t n;

	for (size_t i = 0; i < STACK_PAGES; i++) {
		from[i] = (struct iovec){(void *)(sp - sp % PAGE + i * PAGE), PAGE};
		if (!i)
			from[i] = (struct iovec){(void *)sp, first};
	}
	n = process_vm_readv(tid, &to, 1, from, STACK_PAGES, 0);
	return n > 0 ? (size_t)n : 0;
}

/* What a descriptor of another process is; 0 when it cannot be told. */
static uint32_t mode_of(pid_t pid, uint64_t fd)
{
	struct stat st;
	char path[64];

	if (fd > INT32_MAX)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)pid, (int)fd);
	return stat(path, &st) ? 0 : st.st_mode;
}

static enum wait_kind kind_of(const struct kmod_wait *kw, const struct module_thread *t)
{
	bool in_call = t->flags & KPPROF_THREAD_SYSCALL;
	const struct wait_call call = {
		.nr = in_call ? t->nr : -1,
		.args = t->args,
		.mode = in_call ? mode_of(kw->pid, t->args[0]) : 0,
		.flags = (t->state == 'D' ? KPPROF_SCHED_DEEP : 0) |
			 (t->state == 'T' || t->state == 't' ? KPPROF_SCHED_STOPPED : 0) |
			 (kw->begin && kw->woken == kw->begin ? KPPROF_SCHED_PREEMPTED : 0),
		.compat = t->flags & (KPPROF_THREAD_COMPAT | KPPROF_THREAD_SYSCALL32),
	};

	return wait_call(&call);
}

/* Registers and stack of a thread as a sample of it has them. */
static void fill_sample(struct record_sample *s, const struct module_thread *t, pid_t tid,
			unsigned char *room)
{
	if (!(t->flags & KPPROF_THREAD_REGS) || t->flags & KPPROF_THREAD_COMPAT) {
		s->walked = true;
		s->ips = (const unsigned char *)&t->ip;
		s->nips = t->flags & KPPROF_THREAD_REGS ? 1 : 0;
		s->end = s->nips ? KPPROF_END_ABI : KPPROF_END_NO_REGS;
		return;
	}
	s->abi = PERF_SAMPLE_REGS_ABI_64;
	s->user_ip = t->ip;
	memcpy(s->regs, t->regs, sizeof(s->regs));
	if (t->flags & KPPROF_THREAD_RUNNING) {
		s->stack = t->stack;
		s->stack_len = s->stack_asked = t->nstack;
		return;
	}
	s->stack = room;
	s->stack_len = copy_stack(tid, t->regs[REG_SP], room);
	s->stack_asked = (uint64_t)STACK_PAGES * PAGE - t->regs[REG_SP] % PAGE;
}

static struct held *look(struct module_waits *m, const struct kmod_wait *kw, unsigned char *room)
{
	struct engine *e = m->engine;
	struct module_thread *t = m->seen;
	struct record r = {.pid = kw->pid, .tid = kw->tid};
	struct process *p;
	struct held *h;

	if (module_thread_read(kmod_genl(e->kmod), kw->pid, kw->tid, t))
		return NULL;
	p = processes_load(e->processes, kw->pid);
	if (!p)
		return NULL;
	fill_sample(&r.sample, t, kw->tid, room);
	h = held_create(&r, p, t->name, sizeof(struct wait_note));
	if (h)
		wait_note_of(h)->kind = kind_of(kw, t);
	return h;
}

/* The time of a wait as it will be told, up to @now. */
static uint64_t so_far(const struct kmod_wait *kw, uint64_t now)
{
	return kw->ns + (kw->begin && kw->begin < now ? now - kw->begin : 0);
}

/* As it is at @now: see tell() in wait_deliver.c. */
static void note_times(struct wait_note *n, const struct kmod_wait *kw, uint64_t now)
{
	n->to = now;
	n->from = now - so_far(kw, now);
	n->woken = kw->woken >= n->from && kw->woken ? kw->woken : now;
	if (n->kind == WAIT_RUNQUEUE)
		n->woken = n->from;
}

static bool concerns(const struct kmod_wait *kw, const struct wait_watch *w)
{
	const struct module_watch *mw = w->priv;

	return kw->arms & 1u << mw->arm && members_has(&w->members, kw->pid);
}

static const struct kmod_wait *find(const struct buf *waits, pid_t tid)
{
	const struct kmod_wait *all = (const void *)waits->data;
	size_t lo = 0, hi = waits->len / sizeof(*all);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (all[mid].tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < waits->len / sizeof(*all) && all[lo].tid == tid ? &all[lo] : NULL;
}

/* When a wait began is counted back from each look, by another clock than CLOCK_MONOTONIC. */
static bool is_near(uint64_t a, uint64_t b)
{
	return a > b ? a - b < NEAR_NS : b - a < NEAR_NS;
}

static bool is_same(const struct kmod_wait *a, const struct kmod_wait *b)
{
	return b && a->pid == b->pid && !a->begin == !b->begin && is_near(a->begin, b->begin) &&
	       a->ns == b->ns;
}

/* Looks at all that have waited long enough; the first in the list is the last in @waits. */
static struct held *look_at_all(struct module_waits *m, const struct wait_watch *w,
				const struct buf *waits)
{
	_cleanup_free_ unsigned char *room = malloc((size_t)STACK_PAGES * PAGE);
	const struct kmod_wait *kw = (const void *)waits->data;
	struct held *list = NULL, *h;
	/* Waits that chance may leave out when they are over are not shown while they go on. */
	uint64_t now = loop_now(), least = kmod_slowed_rate(&m->governor, w->rate_ns);

	for (size_t i = 0; room && i < waits->len / sizeof(*kw); i++) {
		if (!concerns(&kw[i], w) || so_far(&kw[i], now) < least)
			continue;
		h = look(m, &kw[i], room);
		if (!h)
			continue;
		h->next = list;
		list = h;
	}
	return list;
}

void module_open_ask(struct module_waits *m, struct wait_watch *w, struct wait_flush *f)
{
	_cleanup_buf_ struct buf before = {0}, after = {0};
	struct held *list;

	if (!m->seen)
		m->seen = malloc(sizeof(*m->seen));
	if (!m->seen || kmod_waits(m->engine->kmod, &before))
		return;
	list = look_at_all(m, w, &before);
	if (kmod_waits(m->engine->kmod, &after))
		after.len = 0;
	f->at = loop_now();
	while (list) {
		struct held *h = list;
		const struct kmod_wait *kw = find(&before, h->record.tid);
		bool same = is_same(kw, find(&after, h->record.tid));

		list = h->next;
		h->next = NULL;
		if (!same) {
			held_free(h);
			continue;
		}
		note_times(wait_note_of(h), kw, f->at);
		h->next = f->asked;
		f->asked = h;
	}
}

static void drop(struct wait_flush *f, pid_t tid, uint64_t time)
{
	struct held **at = &f->asked;

	while (*at) {
		struct held *h = *at;

		if (h->record.tid != tid || wait_note_of(h)->from >= time || time > f->at) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		held_free(h);
	}
}

void module_open_over(struct engine *e, pid_t tid, uint64_t time)
{
	for (struct wait_watch *w = e->watches; w; w = w->next)
		for (struct wait_flush *f = w->flushes; f; f = f->next)
			drop(f, tid, time);
}

void module_open_tell(struct engine *e, struct wait_watch *w, struct wait_flush *f)
{
	while (f->asked) {
		struct held *h = f->asked;

		f->asked = h->next;
		h->next = NULL;
		waits_open(e, w, f, h);
	}
}
