// SPDX-License-Identifier: GPL-2.0-or-later
#include "../base/cleanup.h"
#include "../base/counters.h"
#include "../image/store.h"
#include "futex_look.h"
#include "sched.h"

/* Who tells that a thread has left its CPU. */
enum { TOLD_TIMES = 1, TOLD_STACKS = 2 };

/* Registers by DWARF number: arguments of a system call, and the stack pointer. */
enum { REG_ARG0 = 5, REG_ARG1 = 4, REG_ARG2 = 1, REG_SP = 7 };

/* A futex word so near above the stack pointer is in the frame of the function that waits. */
enum { OWN_FRAME = 512 };

static struct held *hold(struct sched *s, const struct record *r, size_t extra)
{
	struct processes *all = s->engine->processes;
	struct process *p = processes_load(all, r->pid);

	return p ? held_create(r, p, processes_thread(all, r->pid, r->tid), extra) : NULL;
}

/* A wait whose stack was lost, or never taken. */
static struct held *hold_bare(struct sched *s, const struct sched_thread *t)
{
	struct record r = {.pid = t->pid, .tid = t->tid, .time = t->since};
	struct held *h = hold(s, &r, sizeof(struct wait_note));

	if (!h)
		return NULL;
	wait_note_of(h)->kind = WAIT_OTHER;
	if (t->runnable)
		wait_note_of(h)->kind = WAIT_RUNQUEUE;
	else if (t->state & SCHED_STATE_DISK)
		wait_note_of(h)->kind = WAIT_DISK;
	return h;
}

static void count_dropped(struct engine *e, pid_t pid)
{
	for (struct wait_watch *w = e->watches; w; w = w->next)
		if (w->backend == &wait_backend_perf && w->what & (WATCH_BLOCK | WATCH_MUTEX) &&
		    members_has(&w->members, pid))
			w->dropped++;
}

static void note_times(struct held *h, const struct sched_thread *t, uint64_t woken, uint64_t to)
{
	struct wait_note *n = wait_note_of(h);

	n->from = t->since;
	n->woken = woken;
	n->to = to;
}

void sched_over(void *ctx, struct sched_thread *t, uint64_t woken, uint64_t to)
{
	struct sched *s = ctx;
	struct held *h = take_ptr(t->sample);

	if (!h && !t->fresh)
		count_dropped(s->engine, t->pid);
	if (!sched_uses(s, WATCH_BLOCK)) {
		held_free(h);
		return;
	}
	if (!h)
		h = hold_bare(s, t);
	if (!h)
		return;
	note_times(h, t, woken, to);
	waits_over(s->engine, &wait_backend_perf, h);
}

struct held *sched_hold_open(struct sched *s, struct sched_thread *t, uint64_t now)
{
	struct held *h =
		t->sample ? held_copy(t->sample, sizeof(struct wait_note)) : hold_bare(s, t);

	if (!h)
		return NULL;
	if (t->sample)
		*wait_note_of(h) = *wait_note_of(t->sample);
	note_times(h, t, sched_split(t, now), now);
	return h;
}

/* What does not fit into a ring of stacks is too much: copies become shorter. What is missing of
 * waits' stacks shows as dropped, of all else as lost. */
void sched_lost(struct sched *s, enum sched_set set, uint64_t n)
{
	if (!n)
		return;
	counter_add(COUNTER_LOST_SCHED, n);
	if (set == SCHED_TIMES)
		s->lost += n;
	else
		s->overflowed[set] = true;
	for (struct wait_watch *w = s->engine->watches; w && set != SCHED_STACKS; w = w->next)
		if (w->backend == &wait_backend_perf)
			w->lost += n;
}

/* A record that is no sample. */
static void handle_other(struct sched *s, enum sched_set set, const struct cpu_ring *ring,
			 const struct record *r)
{
	if (r->type == PERF_RECORD_LOST || r->type == PERF_RECORD_LOST_SAMPLES)
		sched_lost(s, set, event_set_told(ring->set, r->lost));
}

void sched_handle_times(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct sched *s = owner;
	struct sched_thread *t;
	struct sched_record sr;
	struct record r;

	if (sched_events_parse(&s->events, SCHED_TIMES, header, &r, &sr))
		return;
	if (r.type != PERF_RECORD_SAMPLE) {
		handle_other(s, SCHED_TIMES, ring, &r);
		return;
	}
	t = sched_find(&s->table, sr.next);
	if (sr.what == SCHED_WAKING) {
		if (t)
			sched_woken(t, r.time);
		return;
	}
	if (t)
		sched_in(&s->table, t, r.time);
	t = sched_find(&s->table, sr.prev);
	if (t && !(sr.prev_state & SCHED_STATE_GONE))
		sched_out(&s->table, t, r.time, sr.prev_state, TOLD_TIMES, NULL);
}

static bool is_thread(const void *ctx, pid_t pid, pid_t tid)
{
	const struct sched *s = ctx;
	const struct sched_thread *t = sched_find(&s->table, tid);

	return t && t->pid == pid;
}

void sched_arrive(struct sched *s, struct sched_thread *t, const uint64_t *args, uint64_t sp)
{
	struct futex_wait fw = {
		.op = args[1],
		.val = args[2],
		.own_frame = args[0] - sp < OWN_FRAME,
	};

	futex_arrive(&s->futexes, &t->futex, t->pid, args[0],
		     futex_look(&fw, t->pid, args[0], is_thread, s), t->since);
}

void sched_handle_stacks(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct sched *s = owner;
	struct sched_thread *t;
	struct sched_record sr;
	struct record r;
	struct held *h;
	uint32_t what;

	if (sched_events_parse(&s->events, SCHED_STACKS, header, &r, &sr))
		return;
	if (r.type != PERF_RECORD_SAMPLE) {
		handle_other(s, SCHED_STACKS, ring, &r);
		return;
	}
	t = sched_find(&s->table, r.tid);
	s->strays += !t;
	if (!t || sr.prev_state & SCHED_STATE_GONE)
		return;
	h = hold(s, &r, sizeof(struct wait_note));
	sched_out(&s->table, t, r.time, sr.prev_state, TOLD_STACKS, h);
	if (t->runnable) {
		if (h)
			wait_note_of(h)->kind = WAIT_RUNQUEUE;
		return;
	}
	what = wait_kinds_chain(&s->kinds, r.sample.chain, r.sample.nchain);
	if (h)
		wait_note_of(h)->kind = wait_kind(what, t->state & SCHED_STATE_DISK);
	if (what & KFUNC_FUTEX_WAIT && r.sample.abi == PERF_SAMPLE_REGS_ABI_64) {
		const uint64_t *regs = r.sample.regs;
		const uint64_t args[] = {regs[REG_ARG0], regs[REG_ARG1], regs[REG_ARG2]};

		sched_arrive(s, t, args, regs[REG_SP]);
	}
}

static void tell_release(struct sched *s, const struct record *r, const struct futex_release *fr)
{
	struct held *h = hold(s, r, sizeof(struct release_note));
	struct release_note *n;

	if (!h)
		return;
	n = release_note_of(h);
	n->lock = futex_is_lock(fr);
	n->count = 1;
	for (struct wait_watch *w = s->engine->watches; w; w = w->next)
		n->ns[w->slot] = futex_charge(&s->futexes, fr, w->started);
	waits_release(s->engine, &wait_backend_perf, h);
}

void sched_handle_wakers(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct sched *s = owner;
	struct sched_thread *t;
	struct sched_record sr;
	struct record r;
	struct futex_release fr;
	uint32_t what;

	if (sched_events_parse(&s->events, SCHED_WAKERS, header, &r, &sr))
		return;
	if (r.type != PERF_RECORD_SAMPLE) {
		handle_other(s, SCHED_WAKERS, ring, &r);
		return;
	}
	t = sched_find(&s->table, sr.next);
	if (!t || !t->futex.queue || r.sample.abi != PERF_SAMPLE_REGS_ABI_64)
		return;
	what = wait_kinds_chain(&s->kinds, r.sample.chain, r.sample.nchain);
	/* A time limit, a signal, or the end of the thread that is waited for. */
	if (!(what & KFUNC_FUTEX) || what & (KFUNC_INTERRUPT | KFUNC_EXIT)) {
		futex_leave(&t->futex);
		return;
	}
	fr = (struct futex_release){
		.woken = &t->futex,
		.pid = r.pid,
		.addr = r.sample.regs[REG_ARG0],
		.time = r.time,
	};
	tell_release(s, &r, &fr);
	futex_release(&s->futexes, &fr);
}

void sched_handle_forks(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct sched *s = owner;
	const struct sched_thread *t;
	struct sched_record sr;
	struct record r;
	struct held *h;
	pid_t *last;

	if (sched_events_parse(&s->events, SCHED_FORKS, header, &r, &sr))
		return;
	if (r.type != PERF_RECORD_SAMPLE) {
		handle_other(s, SCHED_FORKS, ring, &r);
		return;
	}
	/* While one event takes the place of another, both tell of it. */
	last = &s->last_fork[r.cpu % SCHED_LAST_FORKS];
	if (*last == sr.next)
		return;
	*last = sr.next;
	/* The record of the side events comes first, and knows of what process the new one is. */
	t = sched_find(&s->table, sr.next);
	if (t && t->pid != r.pid)
		return;
	h = hold(s, &r, sizeof(struct create_note));
	if (!h)
		return;
	create_note_of(h)->tid = sr.next;
	waits_create(s->engine, &wait_backend_perf, h);
}

void sched_handle_cpus(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct sched *s = owner;
	struct sched_thread *t;
	struct record r;

	(void)ring;
	if (record_parse(header, &r) || r.type != PERF_RECORD_SWITCH_CPU_WIDE ||
	    r.misc & PERF_RECORD_MISC_SWITCH_OUT)
		return;
	/* Only what the trace event has not told. */
	t = sched_find(&s->table, r.tid);
	if (!t || !t->off)
		return;
	s->only_second = true;
	sched_in(&s->table, t, r.time);
}
