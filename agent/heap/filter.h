/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What happens in the kernel at each probe of an allocator: BPF programs on perf's uprobe events.
 * They count every allocation, choose by bytes which ones are samples, remember the pointers of
 * those, and match frees against them. Only samples, and what becomes of them, reach the agent.
 */
#ifndef KPPROF_FILTER_H
#define KPPROF_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "../image/allocfuncs.h"

struct heap_filter;

/* Bounds of the sampling distance, in bytes, and what Go takes. */
enum { HEAP_RATE_MIN = 1, HEAP_RATE_MAX = 1 << 30, HEAP_RATE_DEFAULT = 512 << 10 };

/* Samples that can be live at one time; what is over this is counted. */
enum { HEAP_LIVE_MAX = 1 << 16 };

enum heap_record_type {
	HEAP_SAMPLED = 1, /* an allocation was chosen; comes with registers and stack */
	HEAP_PLACED,	  /* its pointer is known; a later one of the same @seq replaces it */
	HEAP_FREED,	  /* it is gone */
};

/**
 * struct heap_record - what the programs write, the raw data of a perf sample
 * @type: enum heap_record_type
 * @func: which function, for HEAP_SAMPLED
 * @seq: number of the allocation, not 0
 * @ptr: its address; in HEAP_SAMPLED 0
 * @size: bytes asked for; in HEAP_PLACED not 0 when the pointer could not be remembered
 * @tgid: the process, in the kernel's own numbers
 * @sp: the stack pointer at the function's first instruction: the return address is there
 */
struct heap_record {
	uint32_t type;
	uint32_t func;
	uint64_t seq;
	uint64_t ptr;
	uint64_t size;
	uint64_t tgid;
	uint64_t sp;
};

/**
 * struct heap_counts - what was counted since the start, on all CPUs together
 * @allocs: calls
 * @bytes: that they asked for
 * @frees: calls with a pointer
 * @overflow: samples whose pointer found no room
 * @unplaced: of the module: samples of calls that did not return, or were not seen to
 * @missed: of the module: samples whose end was not seen
 * @dropped: of the module: samples that were not followed for want of memory
 */
struct heap_counts {
	uint64_t allocs;
	uint64_t bytes;
	uint64_t frees;
	uint64_t overflow;
	uint64_t unplaced;
	uint64_t missed;
	uint64_t dropped;
};

/* Distances to the next sample that the programs draw from; a power of two. */
enum { HEAP_GAPS = 4096 };

/**
 * heap_gaps_fill() - distances of which each is as likely as the other, as those of a Poisson
 * process are; their mean is @rate
 */
void heap_gaps_fill(uint64_t gaps[HEAP_GAPS], uint64_t rate);

/**
 * heap_filter_create() - the maps
 * @rate: mean bytes between two samples
 *
 * Return: 0; -ENOSYS or -EPERM when there is no bpf(2) to be had; -errno.
 */
int heap_filter_create(uint64_t rate, struct heap_filter **out);

/** heap_filter_destroy() - give all back; NULL is allowed */
void heap_filter_destroy(struct heap_filter *f);

/**
 * heap_filter_output() - where records of one CPU go
 * @stack: perf event of type PERF_COUNT_SW_BPF_OUTPUT on that CPU, which adds registers and stack
 * @light: one which does not
 *
 * Return: 0 or -errno.
 */
int heap_filter_output(struct heap_filter *f, unsigned int cpu, int stack, int light);

/**
 * heap_filter_entry() - the program for a function's entry
 * @id: number of the function in records
 *
 * Return: a descriptor, the caller's; -errno.
 */
int heap_filter_entry(struct heap_filter *f, const struct alloc_func *func, uint32_t id);

/** heap_filter_exit() - the program for one of its exits; as heap_filter_entry() */
int heap_filter_exit(struct heap_filter *f, const struct alloc_func *func,
		     const struct probe_site *site, uint32_t id);

/** heap_filter_has() - whether sample @seq is still at @ptr, as far as the kernel knows */
bool heap_filter_has(const struct heap_filter *f, uint64_t ptr, uint64_t tgid, uint64_t seq);

/** heap_filter_forget() - sample @seq at @ptr is not followed any more */
void heap_filter_forget(struct heap_filter *f, uint64_t ptr, uint64_t tgid, uint64_t seq);

/** heap_filter_counts() - read what was counted */
void heap_filter_counts(const struct heap_filter *f, struct heap_counts *out);

#endif /* KPPROF_FILTER_H */
