// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../base/counters.h"
#include "futex_look.h"
#include "module_waits.h"
#include "wait_call.h"

static struct kpprof_sched_record fields_of(const struct record *r)
{
	struct kpprof_sched_record rec;

	/* record_parse_module() has seen to its size. */
	memcpy(&rec, r->sample.raw, sizeof(rec));
	return rec;
}

static bool is_wanted(const struct engine *e, pid_t pid)
{
	for (const struct wait_watch *w = e->watches; w; w = w->next)
		if (w->backend == &wait_backend_module && members_has(&w->members, pid))
			return true;
	return false;
}

/* Of a stack that was walked with mappings that had been replaced only the first frame is certain.
 */
static void doubt(struct record_sample *s)
{
	if (!s->walked)
		return;
	s->end = KPPROF_END_PENDING;
	s->nips = s->nips > 0;
}

static struct held *hold(struct module_waits *m, struct record *r, size_t extra)
{
	struct engine *e = m->engine;
	struct process *p = is_wanted(e, r->pid) ? processes_load(e->processes, r->pid) : NULL;

	if (!p)
		return NULL;
	if (!follow_sample(&e->follow, p, &r->sample))
		doubt(&r->sample);
	return held_create(r, p, processes_thread(e->processes, r->pid, r->tid), extra);
}

/* ---- waits */

static void tell_wait(struct module_waits *m, struct record *r,
		      const struct kpprof_sched_record *rec)
{
	const struct wait_call call = {
		.nr = rec->nr,
		.args = (const uint64_t[]){rec->args[0], rec->args[1], rec->args[2], rec->args[3],
					   rec->args[4], rec->args[5]},
		.mode = rec->mode,
		.flags = rec->flags,
		.compat = rec->end == KPPROF_END_ABI,
	};
	struct wait_note *n;
	struct held *h;

	module_open_over(m->engine, r->tid, r->time);
	h = rec->raw ? hold(m, r, sizeof(*n)) : NULL;
	if (!h)
		return;
	n = wait_note_of(h);
	n->kind = wait_call(&call);
	n->scale = (double)rec->ns / (double)rec->raw;
	n->count = (double)rec->count / KPPROF_COUNT_ONE;
	n->from = rec->begin;
	n->to = rec->begin + rec->raw;
	/* The time for a CPU is the last part of a wait; of several it is taken to be so. */
	n->woken = n->to - (uint64_t)((double)rec->queued / n->scale);
	if (n->kind == WAIT_RUNQUEUE)
		n->woken = n->from;
	waits_kept(m->engine, &wait_backend_module, h);
}

/* ---- releases */

static bool is_thread(const void *ctx, pid_t pid, pid_t tid)
{
	char path[64];

	(void)ctx;
	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return access(path, F_OK) == 0;
}

/* Whether the kernel had moved the waiter to the word that was let go, from a condition to the lock
 * that goes with it. In another process the same word may have another address. */
static bool requeued(const struct kpprof_sched_record *rec)
{
	bool second =
		(rec->args[1] & FUTEX_CMD_MASK) == FUTEX_WAKE_OP && rec->wait_addr == rec->args[4];

	return rec->wait_addr != rec->args[0] && !second && rec->wait_op & FUTEX_PRIVATE_FLAG;
}

static bool is_lock(const struct record *r, const struct kpprof_sched_record *rec)
{
	struct futex_wait fw = {
		.op = rec->wait_op,
		.val = rec->wait_val,
		.own_frame = rec->flags & KPPROF_SCHED_ON_STACK,
	};

	return requeued(rec) ||
	       futex_look(&fw, r->pid, rec->wait_addr, is_thread, NULL) != FUTEX_SIGNAL;
}

/* The part of a charge that lies behind the beginning of a watch: who was queued then is taken to
 * have been queued since the charge begins. */
static uint64_t since(uint64_t ns, uint64_t begin, uint64_t end, uint64_t started)
{
	if (begin >= started || end <= begin)
		return ns;
	if (end <= started)
		return 0;
	return (uint64_t)((double)ns * (double)(end - started) / (double)(end - begin));
}

static void tell_release(struct module_waits *m, struct record *r,
			 const struct kpprof_sched_record *rec)
{
	struct held *h = hold(m, r, sizeof(struct release_note));
	struct release_note *n;
	uint64_t ns;

	if (!h)
		return;
	n = release_note_of(h);
	n->lock = is_lock(r, rec);
	n->count = (double)rec->count / KPPROF_COUNT_ONE;
	/* Nobody holds up others by not signalling yet: those that were let go, and no more. */
	ns = n->lock ? rec->ns : rec->queued;
	for (const struct wait_watch *w = m->engine->watches; w; w = w->next)
		n->ns[w->slot] = since(ns, rec->begin, r->time, w->started);
	waits_release(m->engine, &wait_backend_module, h);
}

/* ---- new threads */

static void tell_create(struct module_waits *m, struct record *r,
			const struct kpprof_sched_record *rec)
{
	struct held *h;

	/* A process; its first thread is nobody's. */
	if (rec->pid != r->pid)
		return;
	h = hold(m, r, sizeof(struct create_note));
	if (!h)
		return;
	create_note_of(h)->tid = rec->tid;
	waits_create(m->engine, &wait_backend_module, h);
}

/* ---- records */

/* @r: with the stack; what happened is in @rec. */
static void tell(struct module_waits *m, struct record *r, const struct kpprof_sched_record *rec)
{
	switch (rec->what) {
	case KPPROF_WATCH_BLOCK:
		tell_wait(m, r, rec);
		break;
	case KPPROF_WATCH_MUTEX:
		tell_release(m, r, rec);
		break;
	case KPPROF_WATCH_CREATE:
		tell_create(m, r, rec);
		break;
	}
}

/* A record whose stack did not come, because there was no room for it: with what the module found.
 */
static void tell_kept(struct module_waits *m, struct parts *parts)
{
	struct kpprof_sched_record rec;
	struct record r;

	if (!parts_kept(parts, m->ids, &r))
		return;
	rec = fields_of(&r);
	tell(m, &r, &rec);
}

/* A part of a copied stack; the last one completes what was kept. */
static void handle_stack(struct module_waits *m, struct parts *parts,
			 const struct perf_event_header *h, struct record *r)
{
	struct kpprof_sched_record rec;
	struct record kept;

	if (!parts_join(parts, h, m->ids, r) || !parts_kept(parts, m->ids, &kept))
		return;
	rec = fields_of(&kept);
	if (kept.tid != r->tid)
		r = &kept;
	tell(m, r, &rec);
}

static void handle_sched(struct module_waits *m, struct parts *parts,
			 const struct perf_event_header *h, struct record *r)
{
	const struct kpprof_sched_record rec = fields_of(r);

	tell_kept(m, parts);
	if (rec.flags & KPPROF_SCHED_STACK)
		parts_keep(parts, h);
	else
		tell(m, r, &rec);
}

void module_sched_lost(const struct module_waits *m, uint64_t lost)
{
	counter_add(COUNTER_LOST_SCHED, lost);
	for (struct wait_watch *w = m->engine->watches; w; w = w->next)
		if (w->backend == &wait_backend_module)
			w->lost += lost;
}

void module_sched_handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *h)
{
	struct module_waits *m = owner;
	struct record r;

	if (record_parse_module(h, m->ids, &r))
		return;
	if (r.type == PERF_RECORD_LOST || r.type == PERF_RECORD_LOST_SAMPLES)
		module_sched_lost(m, event_set_told(ring->set, r.lost));
	if (r.type != PERF_RECORD_SAMPLE)
		return;
	if (r.sample.raw)
		handle_sched(m, &ring->parts, h, &r);
	else
		handle_stack(m, &ring->parts, h, &r);
}
