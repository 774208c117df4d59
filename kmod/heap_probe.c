// SPDX-License-Identifier: GPL-2.0-only
#include <linux/log2.h>
#include <linux/math64.h>
#include <linux/overflow.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>

#include "../uapi/kpprof.h"
#include "compat.h"
#include "heap_parts.h"
#include "stack.h"
#include "stats.h"
#include "target.h"
#include "trace.h"

/* Reading the clock costs as much as the rest of a probe: one in so many is timed, and stands for
 * all of them. */
#define TIMED_EVERY 64

/* What malloc aligns to: two words. */
#define MALLOC_ALIGNMENT 16

/* No allocator has so much; it does not count as asked for. */
#define SIZE_LIMIT (1ull << 47)

static DEFINE_PER_CPU(u32, hits);
/* Room for a walk on each CPU, while there is a heap arm. */
static struct kpprof_stack __percpu *rooms;

int kpprof_heap_rooms(bool want)
{
	if (!want) {
		free_percpu(rooms);
		rooms = NULL;
	} else if (!rooms) {
		rooms = alloc_percpu(struct kpprof_stack);
	}
	return want && !rooms ? -ENOMEM : 0;
}

/* ---- chance */

/* log2(@x) of a number from 1 on, times 2^16: by squaring, a bit at a time. */
static u32 log2_16(u32 x)
{
	u32 whole = ilog2(x), result = whole << 16, bit;
	u64 y = (u64)x << (31 - whole);

	/* y is from 1 to 2, times 2^31. */
	for (bit = 1u << 15; bit; bit >>= 1) {
		y = (y * y) >> 31;
		if (y < 1ull << 32)
			continue;
		y >>= 1;
		result |= bit;
	}
	return result;
}

/*
 * The points of a Poisson process are exponentially far from each other: -ln(u) * rate for a u that
 * is evenly distributed from 0 to 1. ln(2) is 45426 / 2^16. The next whole number of bytes has the
 * point in it.
 */
s64 kpprof_heap_gap(u64 rate)
{
	u32 u = get_random_u32();
	u64 bits = u ? (32ull << 16) - log2_16(u) : 33ull << 16;
	u64 nats = (bits * 45426) >> 16;

	return max_t(u64, 1, (rate * nats + 0xffff) >> 16);
}

/* ---- what a call asks for */

static u64 product(u64 a, u64 b)
{
	u64 size;

	return check_mul_overflow(a, b, &size) ? SIZE_LIMIT : size;
}

static u64 size_of(const struct kpprof_heap_site *site, const struct pt_regs *regs)
{
	switch (site->kind) {
	case KPPROF_ALLOC_ARRAY:
		return product(regs->di, regs->si);
	case KPPROF_ALLOC_ALIGNED:
	case KPPROF_ALLOC_RESIZE:
		return regs->si;
	case KPPROF_ALLOC_STORED:
		return regs->dx;
	case KPPROF_ALLOC_RESIZE_ARRAY:
		return product(regs->si, regs->dx);
	}
	return regs->di;
}

static bool resizes(const struct kpprof_heap_site *site)
{
	return site->kind == KPPROF_ALLOC_RESIZE || site->kind == KPPROF_ALLOC_RESIZE_ARRAY;
}

/* The other function counts. */
static bool is_left_to_other(const struct kpprof_heap_site *site, const struct pt_regs *regs)
{
	if (!site->leaves)
		return false;
	if (resizes(site))
		return !regs->di;
	return site->kind == KPPROF_ALLOC_ALIGNED && regs->di <= MALLOC_ALIGNMENT;
}

/* Counts a call. Return: the number of the sample that it is, or 0. */
static u64 count(struct kpprof_heap *h, u64 size)
{
	struct kpprof_heap_cpu *cpu = get_cpu_ptr(h->cpus);
	u64 seq = 0;

	cpu->allocs++;
	cpu->bytes += size;
	cpu->left -= size;
	if (unlikely(cpu->left <= 0)) {
		cpu->left = kpprof_heap_gap(h->rate);
		seq = ++cpu->seq << 12 | smp_processor_id();
	}
	put_cpu_ptr(h->cpus);
	return seq;
}

/* ---- records */

void kpprof_heap_tell(const struct kpprof_heap_process *p, struct pt_regs *regs,
		      enum kpprof_heap_what what, u64 seq, u64 ptr, u32 flags)
{
	const struct kpprof_sample none = {.end = KPPROF_END_COMPLETE};
	const struct kpprof_heap_event e = {
		.what = what,
		.arm = p->heap->id,
		.flags = flags,
		.pid = p->tgid,
		.seq = seq,
		.ptr = ptr,
	};

	preempt_disable();
	trace_kpprof_heap(regs, &none, &e);
	kpprof_count(heap_events);
	preempt_enable();
}

static void tell_sample(const struct kpprof_heap_probe *probe, struct pt_regs *regs, u64 seq,
			u64 size)
{
	struct kpprof_sample s = {
		.arm = probe->process->heap->id,
		.context = KPPROF_CONTEXT_HEAP,
		.period = seq,
	};
	struct kpprof_heap_event e = {
		.what = KPPROF_HEAP_SAMPLED,
		.arm = s.arm,
		.pid = probe->process->tgid,
		.func = probe->site.func,
		.seq = seq,
		.size = size,
	};
	struct kpprof_stack *room;
	bool agent_walks;

	rcu_read_lock();
	preempt_disable();
	room = this_cpu_ptr(rooms);
	agent_walks = kpprof_stack_take(room, kpprof_target_find(current->tgid), regs, &s);
	if (agent_walks)
		e.flags |= KPPROF_HEAP_STACK;
	trace_kpprof_heap(regs, &s, &e);
	if (agent_walks)
		kpprof_stack_tell(room, regs, &s);
	kpprof_count(heap_events);
	preempt_enable();
	rcu_read_unlock();
}

/* ---- hits */

static void sampled(const struct kpprof_heap_probe *probe, struct pt_regs *regs, u64 size,
		    struct kpprof_heap_calling *calling)
{
	if (calling->seq)
		tell_sample(probe, regs, calling->seq, size);
	if (kpprof_stack_read(calling->sp, &calling->back, 1) == 1)
		kpprof_heap_call_begin(probe->process, calling);
	else if (calling->seq)
		atomic64_inc(&probe->process->heap->unplaced);
}

static void on_alloc(const struct kpprof_heap_probe *probe, struct pt_regs *regs)
{
	struct kpprof_heap *h = probe->process->heap;
	struct kpprof_heap_calling calling = {
		.arg = regs->di,
		.sp = regs->sp + probe->site.pushed,
		.stored = probe->site.kind == KPPROF_ALLOC_STORED,
	};
	u64 size = size_of(&probe->site, regs);

	kpprof_heap_calls_check(calling.sp);
	if (size >= SIZE_LIMIT)
		return;
	calling.seq = count(h, size);
	if (resizes(&probe->site)) {
		const struct kpprof_block_key key = {.owner = probe->process, .ptr = regs->di};

		if (kpprof_blocks_maybe(&h->blocks, &key))
			calling.old = kpprof_blocks_find(&h->blocks, &key);
	}
	if (unlikely(calling.seq || calling.old))
		sampled(probe, regs, size, &calling);
}

static void on_free(const struct kpprof_heap_probe *probe, struct pt_regs *regs)
{
	const struct kpprof_block_key key = {.owner = probe->process, .ptr = regs->di};
	struct kpprof_heap *h = probe->process->heap;
	u64 seq;

	if (!key.ptr)
		return;
	this_cpu_inc(h->cpus->frees);
	if (!kpprof_blocks_maybe(&h->blocks, &key))
		return;
	seq = kpprof_blocks_take(&h->blocks, &key, 0);
	if (seq)
		kpprof_heap_tell(probe->process, regs, KPPROF_HEAP_FREED, seq, key.ptr, 0);
}

int kpprof_heap_hit(KPPROF_UPROBE_HANDLER_ARGS)
{
	const struct kpprof_heap_probe *probe = container_of(uc, struct kpprof_heap_probe, uc);
	u64 from = 0;

	/* A child's memory has come with the probes of its parent's. */
	if (unlikely(current->mm != probe->process->mm))
		return UPROBE_HANDLER_REMOVE;
	if (READ_ONCE(probe->process->dying))
		return 0;
	if (unlikely(this_cpu_inc_return(hits) % TIMED_EVERY == 0))
		from = sched_clock();
	if (probe->site.kind == KPPROF_ALLOC_FREE)
		on_free(probe, regs);
	else if (!is_left_to_other(&probe->site, regs))
		on_alloc(probe, regs);
	/* Of another CPU's clock it may be, after a sample; that evens out. */
	if (unlikely(from))
		kpprof_count_add(heap_busy_ns, max_t(s64, 0, sched_clock() - from) * TIMED_EVERY);
	return 0;
}
