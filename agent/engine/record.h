/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of a perf_event ring, decoded: the layout is in perf_event_open(2) and
 * include/uapi/linux/perf_event.h. Every length is checked against the record's own size.
 */
#ifndef KPPROF_RECORD_H
#define KPPROF_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/perf_event.h>

#include "../../kmod/walk.h"
#include "../image/maps.h"

/* What every event of the agent puts into its samples, and behind all other records. */
#define RECORD_ID_TYPE (PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CPU)
#define RECORD_SAMPLE_TYPE                                                              \
	(PERF_SAMPLE_IP | RECORD_ID_TYPE | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN | \
	 PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER)

/* The same for the module's trace events, which carry their user half as raw data. */
#define RECORD_MODULE_TYPE                                                              \
	(PERF_SAMPLE_IP | RECORD_ID_TYPE | PERF_SAMPLE_PERIOD | PERF_SAMPLE_CALLCHAIN | \
	 PERF_SAMPLE_RAW)

/* And for events of which the raw data is the agent's own (BPF programs). Some carry registers and
 * stack as well. */
#define RECORD_RAW_TYPE	      (PERF_SAMPLE_IP | RECORD_ID_TYPE | PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW)
#define RECORD_RAW_STACK_TYPE (RECORD_RAW_TYPE | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER)

/* The kernel's own trace events, and the same with the stack of the thread that caused one. */
#define RECORD_TRACE_TYPE (PERF_SAMPLE_IP | RECORD_ID_TYPE | PERF_SAMPLE_PERIOD | PERF_SAMPLE_RAW)
#define RECORD_TRACE_STACK_TYPE \
	(RECORD_TRACE_TYPE | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER)

/* And for page faults. Without PERF_SAMPLE_PERIOD: with it, a software event makes a sample of each
 * event, whatever its period (perf_swevent_event() in kernel/events/core.c). */
#define RECORD_FAULT_TYPE                                                             \
	(PERF_SAMPLE_IP | RECORD_ID_TYPE | PERF_SAMPLE_ADDR | PERF_SAMPLE_REGS_USER | \
	 PERF_SAMPLE_STACK_USER)

/* User registers asked for: all general ones and the instruction pointer (asm/perf_regs.h). */
extern const uint64_t record_regs_mask;

/**
 * struct record_sample - PERF_RECORD_SAMPLE with RECORD_SAMPLE_TYPE or RECORD_MODULE_TYPE
 * @ip: where, user or kernel
 * @period: of the event's own unit
 * @kernel_mode: @ip is in the kernel
 * @chain: the callchain with its context markers
 * @nchain: entries
 * @abi: PERF_SAMPLE_REGS_ABI_*, _NONE without user registers
 * @user_ip: user instruction pointer
 * @regs: user registers by DWARF number
 * @stack: bytes from the user stack pointer up
 * @stack_len: bytes that could be read
 * @stack_asked: bytes that were asked for; more than @stack_len when the stack ended there
 * @stack_at: where @stack is, from the stack pointer up; see parts.h
 * @stack_more: the next record of the same CPU has what follows
 * @walked: the module has walked the user half: @ips, @nips, @end, @guesses instead of registers
 *	and stack
 * @ips: user frames, not aligned
 * @nips: how many
 * @end: enum kpprof_end, how the walk ended
 * @guesses: frames found by search
 * @cookie: of the mappings that the module walked with, 0 for none
 * @arm: which arm of the module
 * @raw: the fields of a trace event, as tracefs.h finds them; NULL for other events

 * @addr: of record_parse_fault(): what was accessed
 * @raw: of record_parse_raw(); of record_parse_module() a struct kpprof_sched_record or struct
 *	kpprof_heap_record, not aligned, where it is one
 * @raw_len: bytes
 * @context: enum kpprof_context; always _TASK without the module, which alone knows; _SCHED is
 *	not of a CPU sample
 */
struct record_sample {
	uint64_t ip;
	uint64_t period;
	bool kernel_mode;
	const uint64_t *chain;
	uint64_t nchain;
	uint64_t abi;
	uint64_t user_ip;
	uint64_t regs[KPPROF_NREGS];
	const unsigned char *stack;
	uint64_t stack_len;
	uint64_t stack_asked;
	uint32_t stack_at;
	bool stack_more;
	bool walked;
	const unsigned char *ips;
	unsigned int nips;
	uint8_t end;
	uint8_t guesses;
	uint32_t cookie;
	uint8_t arm;
	uint8_t context;
	uint64_t addr;
	const unsigned char *raw;
	uint32_t raw_len;
};

/**
 * struct record - one record
 * @type: PERF_RECORD_*
 * @misc: PERF_RECORD_MISC_*
 * @time: CLOCK_MONOTONIC, nanoseconds
 * @pid: process that was running, or that a record is about
 * @tid: thread
 * @cpu: CPU
 */
struct record {
	uint32_t type;
	uint16_t misc;
	uint64_t time;
	pid_t pid;
	pid_t tid;
	uint32_t cpu;
	union {
		struct record_sample sample;
		struct map_entry mmap; /* PERF_RECORD_MMAP2, executable ones only */
		struct {
			const char *name;
			bool exec;
		} comm;
		struct {
			pid_t ppid;
			pid_t ptid;
		} task;	       /* PERF_RECORD_FORK and _EXIT */
		uint64_t lost; /* PERF_RECORD_LOST and _LOST_SAMPLES: records */
	};
};

/**
 * record_time() - the time of a record alone, to put rings in order
 *
 * Return: 0, or -EBADMSG when the record is too short to have one.
 */
int record_time(const struct perf_event_header *h, uint64_t *time);

/**
 * record_parse() - decode a record
 * @h: h->size bytes, 8-byte aligned
 * @out: points into @h
 *
 * Return: 0; -ENOTSUP for a type that means nothing to the agent; -EBADMSG when it is damaged.
 */
int record_parse(const struct perf_event_header *h, struct record *out);

/**
 * struct record_module - the numbers of the module's trace events, from its STATUS
 * @cpu: kpprof:kpprof_cpu
 * @stack: kpprof:kpprof_stack
 * @sched: kpprof:kpprof_sched; 0 for a module that has none
 * @heap: kpprof:kpprof_heap; 0 for a module that has none
 */
struct record_module {
	uint32_t cpu;
	uint32_t stack;
	uint32_t sched;
	uint32_t heap;
};

/**
 * record_parse_module() - decode a record of the module's trace events
 * @h: as record_parse()
 * @module: the events
 * @out: as record_parse()
 *
 * Return: as record_parse().
 */
int record_parse_module(const struct perf_event_header *h, const struct record_module *module,
			struct record *out);

/**
 * record_parse_raw() - decode a record of events with RECORD_RAW_TYPE or RECORD_RAW_STACK_TYPE
 *
 * Return: as record_parse().
 */
int record_parse_raw(const struct perf_event_header *h, struct record *out);

/**
 * record_parse_trace() - decode a record of the kernel's trace events
 * @h: as record_parse()
 * @type: RECORD_TRACE_TYPE or RECORD_TRACE_STACK_TYPE, what the event's samples have
 * @out: as record_parse()
 *
 * Return: as record_parse().
 */
int record_parse_trace(const struct perf_event_header *h, uint64_t type, struct record *out);

/**
 * record_parse_fault() - decode a record of events with RECORD_FAULT_TYPE
 *
 * Return: as record_parse().
 */
int record_parse_fault(const struct perf_event_header *h, struct record *out);

#endif /* KPPROF_RECORD_H */
