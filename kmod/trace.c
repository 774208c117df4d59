// SPDX-License-Identifier: GPL-2.0-only
#include <linux/build_bug.h>
#include <linux/module.h>
#include <linux/perf_event.h>
#include <linux/trace_events.h>

#include "../uapi/kpprof.h"

/*
 * perf's handler of a trace event asks for its caller's registers, to take the kernel's callchain
 * from. The samples here have better ones, the first argument of each event.
 */
#define perf_fetch_caller_regs(to) (*(to) = *regs)

#define CREATE_TRACE_POINTS
#include "trace.h"

u32 kpprof_trace_id_cpu(void)
{
	return event_kpprof_cpu.event.type;
}

u32 kpprof_trace_id_stack(void)
{
	return event_kpprof_stack.event.type;
}

u32 kpprof_trace_id_sched(void)
{
	return event_kpprof_sched.event.type;
}

u32 kpprof_trace_id_heap(void)
{
	return event_kpprof_heap.event.type;
}

/* The layout is made by TRACE_EVENT(), and promised in uapi/kpprof.h. */
#define SAME(event, record, field, theirs)                               \
	static_assert(offsetof(struct trace_event_raw_##event, field) == \
		      offsetof(struct record, theirs))

static_assert(sizeof(struct trace_entry) == sizeof(__u64));
SAME(kpprof_cpu, kpprof_cpu_record, arm, arm);
SAME(kpprof_cpu, kpprof_cpu_record, guesses, guesses);
SAME(kpprof_cpu, kpprof_cpu_record, cookie, cookie);
SAME(kpprof_cpu, kpprof_cpu_record, period, period);
SAME(kpprof_cpu, kpprof_cpu_record, __data_loc_ips, ips_where);
SAME(kpprof_stack, kpprof_stack_record, arm, arm);
SAME(kpprof_stack, kpprof_stack_record, more, more);
SAME(kpprof_stack, kpprof_stack_record, at, at);
SAME(kpprof_stack, kpprof_stack_record, whole, whole);
SAME(kpprof_stack, kpprof_stack_record, cookie, cookie);
SAME(kpprof_stack, kpprof_stack_record, period, period);
SAME(kpprof_stack, kpprof_stack_record, ip, ip);
SAME(kpprof_stack, kpprof_stack_record, regs, regs);
SAME(kpprof_stack, kpprof_stack_record, __data_loc_stack, stack_where);
SAME(kpprof_sched, kpprof_sched_record, what, what);
SAME(kpprof_sched, kpprof_sched_record, cookie, cookie);
SAME(kpprof_sched, kpprof_sched_record, flags, flags);
SAME(kpprof_sched, kpprof_sched_record, tid, tid);
SAME(kpprof_sched, kpprof_sched_record, mode, mode);
SAME(kpprof_sched, kpprof_sched_record, wait_addr, wait_addr);
SAME(kpprof_sched, kpprof_sched_record, begin, begin);
SAME(kpprof_sched, kpprof_sched_record, raw, raw);
SAME(kpprof_sched, kpprof_sched_record, queued, queued);
SAME(kpprof_sched, kpprof_sched_record, args, args);
SAME(kpprof_sched, kpprof_sched_record, __data_loc_ips, ips_where);
static_assert(sizeof(struct kpprof_heap_record) == 60);
SAME(kpprof_heap, kpprof_heap_record, what, what);
SAME(kpprof_heap, kpprof_heap_record, guesses, guesses);
SAME(kpprof_heap, kpprof_heap_record, cookie, cookie);
SAME(kpprof_heap, kpprof_heap_record, flags, flags);
SAME(kpprof_heap, kpprof_heap_record, pid, pid);
SAME(kpprof_heap, kpprof_heap_record, func, func);
SAME(kpprof_heap, kpprof_heap_record, seq, seq);
SAME(kpprof_heap, kpprof_heap_record, ptr, ptr);
SAME(kpprof_heap, kpprof_heap_record, size, size);
SAME(kpprof_heap, kpprof_heap_record, __data_loc_ips, ips_where);
