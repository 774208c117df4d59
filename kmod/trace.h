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

/** kpprof_trace_id_cpu() - perf's number of kpprof:kpprof_cpu */
u32 kpprof_trace_id_cpu(void);

/** kpprof_trace_id_stack() - perf's number of kpprof:kpprof_stack */
u32 kpprof_trace_id_stack(void);

#endif /* KPPROF_TRACE_TYPES_H */

/* clang-format off */
#if !defined(KPPROF_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define KPPROF_TRACE_H

#include <linux/ptrace.h>
#include <linux/tracepoint.h>

#define kpprof_show_context(c) __print_symbolic(c, {0, "task"}, {1, "softirq"}, {2, "hardirq"})

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

#endif /* KPPROF_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
