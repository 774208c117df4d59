/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the programs at the probes (filter_code.c) and the agent (filter.c) both see: the maps, and
 * what is in them.
 */
#ifndef KPPROF_FILTER_MAPS_H
#define KPPROF_FILTER_MAPS_H

#include <stddef.h>
#include <stdint.h>

#include "filter.h"

/**
 * struct state - of one CPU
 * @left: bytes until the next sample
 * @seq: samples so far
 * @counts: what was counted
 */
struct state {
	int64_t left;
	uint64_t seq;
	struct heap_counts counts;
};

/**
 * struct pending - a call that a thread is in: sampled, or one that resizes a sample
 * @seq: 0 when this call is not sampled itself
 * @size: bytes asked for
 * @sp: the stack pointer at the function's first instruction
 * @arg: first argument
 * @ptr: what it returned, as far as is known
 * @old: the sample that is resized, 0 for none
 * @caller: its return address, at @sp
 */
struct pending {
	uint64_t seq;
	uint64_t size;
	uint64_t sp;
	uint64_t arg;
	uint64_t ptr;
	uint64_t old;
	uint64_t caller;
};

/** struct live_key - where a sample is; its number is the map's value */
struct live_key {
	uint64_t ptr;
	uint64_t tgid;
};

/**
 * struct heap_filter - the maps
 * @states: the map @state as memory; one for each CPU that may ever be there
 * @mapped: bytes of that
 * @ncpus: CPUs
 * @state: struct state by CPU
 * @gaps: distances to the next sample
 * @pending: struct pending by thread and function
 * @live: number of a sample by struct live_key
 * @out_stack: perf events by CPU, whose samples have registers and stack
 * @out_light: the same without
 */
struct heap_filter {
	struct state *states;
	size_t mapped;
	unsigned int ncpus;
	int state;
	int gaps;
	int pending;
	int live;
	int out_stack;
	int out_light;
};

#endif /* KPPROF_FILTER_MAPS_H */
