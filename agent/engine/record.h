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

/* User registers asked for: all general ones and the instruction pointer (asm/perf_regs.h). */
extern const uint64_t record_regs_mask;

/**
 * struct record_sample - PERF_RECORD_SAMPLE with RECORD_SAMPLE_TYPE
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
 * @stack_asked: bytes that were asked for
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

#endif /* KPPROF_RECORD_H */
