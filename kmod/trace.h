/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The trace events that carry samples, with the layout that uapi/kpprof.h promises. They are
 * ordinary ones, but for the registers that perf takes the kernel's callchain from: the interrupted
 * ones, not those of the caller.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kpprof

#ifndef KPPROF_TRACE_TYPES_H
#define KPPROF_TRACE_TYPES_H

#include <linux/types.h>

/**
 * struct kpprof_sample - what is told about one sample
 * @arm: which arm
 * @context: enum kpprof_context
 * @end: enum kpprof_end
 * @guesses: frames that were found by search
 * @cookie: of the mappings
 * @period: in the unit of the arm's clock
 * @ips: user frames
 * @nips: how many
 * @ip: user instruction pointer, for kpprof_stack as all that follows
 * @regs: user registers by DWARF number
 * @stack: copy of a part of the user stack
 * @nstack: its bytes
 * @at: where it begins, from the stack pointer up
 * @whole: the stack ends there
 * @more: another part follows
 */
struct kpprof_sample {
	u8 arm;
	u8 context;
	u8 end;
	u8 guesses;
	u32 cookie;
	u64 period;
	const u64 *ips;
	u32 nips;
	u64 ip;
	const u64 *regs;
	const u64 *stack;
	u32 nstack;
	u32 at;
	bool whole;
	bool more;
};

/**
 * struct kpprof_sched_event - what happened in the current thread, see struct kpprof_sched_record
 * @what: one bit of enum kpprof_watch
 * @arms: watches
 * @flags: KPPROF_SCHED_*
 * @nr: system call or -1
 * @pid: CREATE: process of the new thread
 * @tid: CREATE: new thread; MUTEX: one that was woken
 * @wait_op: MUTEX: how it waited
 * @wait_val: MUTEX: the same
 * @wait_addr: MUTEX: on which word
 * @mode: of the file that the system call's first argument may name
 * @begin: CLOCK_MONOTONIC, ns
 * @ns: scaled time
 * @count: scaled count, in units of 1 / KPPROF_COUNT_ONE
 * @raw: measured time
 * @queued: of @ns, waiting for a CPU
 * @args: of the system call
 */
struct kpprof_sched_event {
	u8 what;
	u8 arms;
	u32 flags;
	s32 nr;
	s32 pid;
	s32 tid;
	u32 wait_op;
	u32 mode;
	u32 wait_val;
	u64 wait_addr;
	u64 begin;
	u64 ns;
	u64 count;
	u64 raw;
	u64 queued;
	u64 args[6];
};

/**
 * struct kpprof_heap_event - what happened to a sampled block, see struct kpprof_heap_record
 * @what: enum kpprof_heap_what
 * @arm: which heap arm
 * @flags: KPPROF_HEAP_*
 * @pid: the process that was armed
 * @func: number of the function
 * @seq: of the sample
 * @ptr: address
 * @size: bytes
 */
struct kpprof_heap_event {
	u8 what;
	u8 arm;
	u32 flags;
	s32 pid;
	u32 func;
	u64 seq;
	u64 ptr;
	u64 size;
};

/** kpprof_trace_id_cpu() - perf's number of kpprof:kpprof_cpu */
u32 kpprof_trace_id_cpu(void);

/** kpprof_trace_id_stack() - perf's number of kpprof:kpprof_stack */
u32 kpprof_trace_id_stack(void);

/** kpprof_trace_id_sched() - perf's number of kpprof:kpprof_sched */
u32 kpprof_trace_id_sched(void);

/** kpprof_trace_id_heap() - perf's number of kpprof:kpprof_heap */
u32 kpprof_trace_id_heap(void);

#endif /* KPPROF_TRACE_TYPES_H */

/* clang-format off */
#if !defined(KPPROF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KPPROF_TRACE_H

#include <linux/ptrace.h>
#include <linux/tracepoint.h>

#define kpprof_show_context(c) __print_symbolic(c, {0, "task"}, {1, "softirq"}, {2, "hardirq"}, \
						{3, "sched"}, {4, "heap"})

TRACE_EVENT(kpprof_cpu,
	TP_PROTO(struct pt_regs *regs, const struct kpprof_sample *s),
	TP_ARGS(regs, s),
	TP_STRUCT__entry(
		__field(u8, arm)
		__field(u8, context)
		__field(u8, end)
		__field(u8, guesses)
		__field(u32, cookie)
		__field(u64, period)
		__dynamic_array(u64, ips, s->nips)
	),
	TP_fast_assign(
		__entry->arm = s->arm;
		__entry->context = s->context;
		__entry->end = s->end;
		__entry->guesses = s->guesses;
		__entry->cookie = s->cookie;
		__entry->period = s->period;
		memcpy(__get_dynamic_array(ips), s->ips, s->nips * sizeof(u64));
	),
	/* What perf's library for the text of events cannot read (__print_array() of a quotient) is not
	 * here: the frames are in the record. */
	TP_printk("arm=%u context=%s end=%u guesses=%u cookie=%u period=%llu ips=%u bytes",
		  __entry->arm, kpprof_show_context(__entry->context), __entry->end,
		  __entry->guesses, __entry->cookie, __entry->period,
		  __get_dynamic_array_len(ips))
);

TRACE_EVENT(kpprof_stack,
	TP_PROTO(struct pt_regs *regs, const struct kpprof_sample *s),
	TP_ARGS(regs, s),
	TP_STRUCT__entry(
		__field(u8, arm)
		__field(u8, context)
		__field(u8, end)
		__field(u8, more)
		__field(u32, cookie)
		__field(u32, at)
		__field(u32, whole)
		__field(u64, period)
		__field(u64, ip)
		__array(u64, regs, 16)
		__dynamic_array(u64, stack, s->nstack / sizeof(u64))
	),
	TP_fast_assign(
		__entry->arm = s->arm;
		__entry->context = s->context;
		__entry->end = s->end;
		__entry->more = s->more;
		__entry->at = s->at;
		__entry->whole = s->whole;
		__entry->cookie = s->cookie;
		__entry->period = s->period;
		__entry->ip = s->ip;
		memcpy(__entry->regs, s->regs, sizeof(__entry->regs));
		memcpy(__get_dynamic_array(stack), s->stack, s->nstack);
	),
	TP_printk("arm=%u context=%s end=%u cookie=%u period=%llu ip=%llx stack=%u bytes at %u",
		  __entry->arm, kpprof_show_context(__entry->context), __entry->end,
		  __entry->cookie, __entry->period, __entry->ip,
		  __get_dynamic_array_len(stack), __entry->at)
);

TRACE_EVENT(kpprof_sched,
	TP_PROTO(struct pt_regs *regs, const struct kpprof_sample *s,
		 const struct kpprof_sched_event *e),
	TP_ARGS(regs, s, e),
	TP_STRUCT__entry(
		__field(u8, what)
		__field(u8, arms)
		__field(u8, end)
		__field(u8, guesses)
		__field(u32, cookie)
		__field(u32, flags)
		__field(s32, nr)
		__field(s32, pid)
		__field(s32, tid)
		__field(u32, wait_op)
		__field(u32, mode)
		__field(u32, wait_val)
		__field(u32, reserved)
		__field(u64, wait_addr)
		__field(u64, begin)
		__field(u64, ns)
		__field(u64, count)
		__field(u64, raw)
		__field(u64, queued)
		__array(u64, args, 6)
		__dynamic_array(u64, ips, s->nips)
	),
	TP_fast_assign(
		__entry->what = e->what;
		__entry->arms = e->arms;
		__entry->end = s->end;
		__entry->guesses = s->guesses;
		__entry->cookie = s->cookie;
		__entry->flags = e->flags;
		__entry->nr = e->nr;
		__entry->pid = e->pid;
		__entry->tid = e->tid;
		__entry->wait_op = e->wait_op;
		__entry->mode = e->mode;
		__entry->wait_val = e->wait_val;
		__entry->reserved = 0;
		__entry->wait_addr = e->wait_addr;
		__entry->begin = e->begin;
		__entry->ns = e->ns;
		__entry->count = e->count;
		__entry->raw = e->raw;
		__entry->queued = e->queued;
		memcpy(__entry->args, e->args, sizeof(__entry->args));
		memcpy(__get_dynamic_array(ips), s->ips, s->nips * sizeof(u64));
	),
	TP_printk("what=%u arms=%x flags=%x nr=%d tid=%d ns=%llu count=%llu raw=%llu queued=%llu end=%u ips=%u bytes",
		  __entry->what, __entry->arms, __entry->flags, __entry->nr, __entry->tid,
		  __entry->ns, __entry->count, __entry->raw, __entry->queued, __entry->end,
		  __get_dynamic_array_len(ips))
);

TRACE_EVENT(kpprof_heap,
	TP_PROTO(struct pt_regs *regs, const struct kpprof_sample *s,
		 const struct kpprof_heap_event *e),
	TP_ARGS(regs, s, e),
	TP_STRUCT__entry(
		__field(u8, what)
		__field(u8, arm)
		__field(u8, end)
		__field(u8, guesses)
		__field(u32, cookie)
		__field(u32, flags)
		__field(s32, pid)
		__field(u32, func)
		__field(u32, reserved)
		__field(u64, seq)
		__field(u64, ptr)
		__field(u64, size)
		__dynamic_array(u64, ips, s->nips)
	),
	TP_fast_assign(
		__entry->what = e->what;
		__entry->arm = e->arm;
		__entry->end = s->end;
		__entry->guesses = s->guesses;
		__entry->cookie = s->cookie;
		__entry->flags = e->flags;
		__entry->pid = e->pid;
		__entry->func = e->func;
		__entry->reserved = 0;
		__entry->seq = e->seq;
		__entry->ptr = e->ptr;
		__entry->size = e->size;
		memcpy(__get_dynamic_array(ips), s->ips, s->nips * sizeof(u64));
	),
	TP_printk("what=%u arm=%u flags=%x pid=%d func=%u seq=%llu ptr=%llx size=%llu end=%u ips=%u bytes",
		  __entry->what, __entry->arm, __entry->flags, __entry->pid, __entry->func,
		  __entry->seq, __entry->ptr, __entry->size, __entry->end,
		  __get_dynamic_array_len(ips))
);

#endif /* KPPROF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
