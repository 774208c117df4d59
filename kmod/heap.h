/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Heap arms: probes in the allocators of processes, samples of the calls that ask for memory, and
 * what becomes of each. heap.c keeps arms, processes and probes; heap_probe.c is what happens at a
 * probe, heap_call.c how a sampled call comes to its result, blocks.c what is live.
 *
 * Context: all functions sleep and are called with kpprof_lock held, but where they say otherwise.
 */
#ifndef KPPROF_HEAP_H
#define KPPROF_HEAP_H

#include <linux/types.h>

#include "../uapi/kpprof.h"

struct netlink_ext_ack;
struct task_struct;

/**
 * struct kpprof_heap_site - a probe as ARM asks for it
 * @start: address of the function
 * @at: address to probe
 * @kind: enum kpprof_alloc
 * @func: number
 * @pushed: bytes
 * @leaves: see KPPROF_PROBE_A_LEAVES
 */
struct kpprof_heap_site {
	u64 start;
	u64 at;
	u32 kind;
	u32 func;
	u32 pushed;
	bool leaves;
};

/**
 * struct kpprof_heap_counts - what an arm has counted
 * @allocs: calls
 * @bytes: that they asked for
 * @frees: calls
 * @live: samples that are followed
 * @overflow: not followed for want of room
 * @unplaced: whose call did not return, or was not seen to
 * @missed: whose end was not seen
 * @dropped: not followed for want of memory
 */
struct kpprof_heap_counts {
	u64 allocs;
	u64 bytes;
	u64 frees;
	u64 live;
	u64 overflow;
	u64 unplaced;
	u64 missed;
	u64 dropped;
};

/** kpprof_heap_deinit() - wait until nothing of it can run. Context: task, no arm is there */
void kpprof_heap_deinit(void);

/**
 * kpprof_heap_open() - make a heap arm; nothing happens when it is there
 * @id: less than KPPROF_ARMS_MAX
 * @rate: mean bytes between two samples
 *
 * Return: 0; -EINVAL when it is there with another rate; -ENOMEM; -errno of perf events.
 */
int kpprof_heap_open(unsigned int id, u64 rate, struct netlink_ext_ack *extack);

/** kpprof_heap_close() - end an arm: no probe of it is there on return. -ENOENT */
int kpprof_heap_close(unsigned int id);

/** kpprof_heap_exists() - whether there is such an arm */
bool kpprof_heap_exists(unsigned int id);

/**
 * kpprof_heap_attach() - put probes into the memory of a process
 * @id: an arm
 * @tgid: process
 * @sites: where
 * @n: how many, at most KPPROF_PROBES_MAX
 *
 * Return: 0; -EEXIST when this arm probes it already; -ESRCH; -EFAULT for an address that shows no
 * code of a file; -EILSEQ for one that is in the middle of an instruction, as far as is known here;
 * -ENOMEM; -errno of the kernel's uprobes. With a text.
 */
int kpprof_heap_attach(unsigned int id, pid_t tgid, const struct kpprof_heap_site *sites, u32 n,
		       struct netlink_ext_ack *extack);

/** kpprof_heap_detach() - take the probes of an arm out of a process, and forget its blocks */
void kpprof_heap_detach(unsigned int id, pid_t tgid);

/** kpprof_heap_exit() - a thread ends. Context: it, preemption off, no lock */
void kpprof_heap_exit(struct task_struct *task);

/** kpprof_heap_counts() - -ENOENT without such an arm */
int kpprof_heap_counts(unsigned int id, struct kpprof_heap_counts *out);

/** kpprof_heap_list() - live blocks of an arm, see kpprof_blocks_list(); -ENOENT */
int kpprof_heap_list(unsigned int id, u32 *chain, u64 *seqs, u32 max);

/** kpprof_heap_count() - arms. Context: any */
u32 kpprof_heap_count(void);

/** kpprof_uprobes_count() - probes that are registered. Context: any */
u32 kpprof_uprobes_count(void);

/** kpprof_returns_count() - calls whose return is waited for. Context: any */
u32 kpprof_returns_count(void);

#endif /* KPPROF_HEAP_H */
