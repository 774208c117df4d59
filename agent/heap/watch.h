/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching how the memory of a target grows, in one of two ways. Its allocator is found and probed,
 * samples of allocations come with their stacks, and each is followed until it is freed. Or
 * (growth) page faults are sampled, in which anonymous memory is touched for the first time, and
 * each such page is followed until it is not there any more; nothing is probed.
 */
#ifndef KPPROF_HEAP_WATCH_H
#define KPPROF_HEAP_WATCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../engine/members.h"
#include "../engine/stack.h"
#include "blocks.h"
#include "duty.h"
#include "filter.h"

struct engine;
struct event_set;
struct growth;
struct heap_module;
struct heap_process;
struct record;

/**
 * struct heap_event - a sampled allocation
 * @pid: process
 * @size: bytes asked for
 * @count: allocations that it stands for
 * @stack: who asked; begins with the allocator's caller
 */
struct heap_event {
	pid_t pid;
	uint64_t size;
	double count;
	struct stack stack;
};

/**
 * struct heap_watch - a running watch; storage is the caller's
 * @target: whose allocations; one process, or those of a name
 * @rate: mean bytes between two samples
 * @growth: sample page faults
 * @force: go on whatever it costs
 * @on_alloc: a sample; returns a number that stands for where it was counted
 * @on_live: @count allocations of @size bytes that were counted under @handle are live, or, for a
 *	negative @count, are not any more
 * @on_governed: what is live is not followed any more, since the probes are there part of the time
 *	only: @on_live is not called again, after all that was live is not
 * @on_exit: a thread of the target is gone; may be NULL
 * @ctx: for the callbacks
 * @lost: out: records that the kernel had no room for
 * @side_lost: out: records about mappings and processes that were lost
 * @inner: out: samples that the allocator made itself on its way to another one; not told
 * @unplaced: out: samples whose address was never seen: calls that failed, or never came back
 * @error: out: why a process could not be probed, 0 or -errno
 * @lifted: out: the probes were taken out at this time because they cost too much, 0 for not
 * @cost: out: share of a CPU that they cost then
 * @why: out: why the module does not sample, "" when it does
 * @duty: out: how much of the time the module's probes are there
 * @started: out: CLOCK_MONOTONIC ns when the first probes were there, 0 while none are
 */
struct heap_watch {
	struct target target;
	uint64_t rate;
	bool growth;
	bool force;
	uint32_t (*on_alloc)(void *ctx, const struct heap_event *ev);
	void (*on_live)(void *ctx, uint32_t handle, double count, uint64_t size);
	void (*on_governed)(void *ctx);
	void (*on_exit)(void *ctx);
	void *ctx;

	uint64_t lost;
	uint64_t side_lost;
	uint64_t inner;
	uint64_t unplaced;
	int error;
	uint64_t lifted;
	double cost;
	char why[128];
	struct heap_duty duty;
	uint64_t started;

	/* private: */
	struct heap_watch *next;
	struct engine *engine;
	struct members members;
	struct heap_process *processes;
	struct heap_module *module;
	struct heap_filter *filter;
	struct event_set *set;
	struct blocks blocks;
	unsigned int held;
	unsigned int nrings;
	unsigned int deep;
	uint64_t reconciled;
	uint64_t flush_at;
	void (*flushed)(void *ctx);
	struct heap_counts last;
	uint64_t last_at;
	struct growth *pages;
};

/**
 * heap_watch_start() - begin to watch
 *
 * A process whose allocator is known (allocator_known()) is probed when this returns, others soon
 * after.
 *
 * Return: 0; -ESRCH; -ENOENT when the kernel has no uprobe events; -ENOSYS or -EPERM without
 * bpf(2); -errno.
 */
int heap_watch_start(struct engine *e, struct heap_watch *w);

/** heap_watch_flush() - @flushed is called from the loop once all that had happened was delivered
 */
void heap_watch_flush(struct heap_watch *w, void (*flushed)(void *ctx));

/** heap_watch_stop() - end at once; no callback follows */
void heap_watch_stop(struct engine *e, struct heap_watch *w);

/** heap_watch_counts() - all allocations, sampled or not, since the start */
void heap_watch_counts(const struct heap_watch *w, struct heap_counts *out);

/** heap_watch_describe() - which allocators are probed, for people; "" while none is */
const char *heap_watch_describe(const struct heap_watch *w);

/** heap_watch_probes() - how many probes there are, and of these single-stepped */
void heap_watch_probes(const struct heap_watch *w, unsigned int *n, unsigned int *stepped);

/* For duty.c. */

/** heap_watch_round() - the probes' governor has ended a round: who waits for that has waited */
void heap_watch_round(struct heap_watch *w);

/*
 * What watches are told by the engine: as captures_fork() and so on in engine/core.h.
 */

void heaps_fork(struct engine *e, pid_t ppid, pid_t pid, uint64_t time);
void heaps_comm(struct engine *e, pid_t pid, const char *name, bool exec);
void heaps_exit(struct engine *e, pid_t pid);
void heaps_side_lost(struct engine *e, uint64_t lost);
void heaps_read(struct engine *e, uint64_t until);
void heaps_rescan(struct engine *e);

#endif /* KPPROF_HEAP_WATCH_H */
