/* SPDX-License-Identifier: GPL-2.0-only */
/* The inside of heap arms, for heap*.c alone. */
#ifndef KPPROF_HEAP_PARTS_H
#define KPPROF_HEAP_PARTS_H

#include <linux/atomic.h>
#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/percpu.h>
#include <linux/types.h>
#include <linux/uprobes.h>

#include "blocks.h"
#include "compat.h"
#include "heap.h"
#include "trace.h"

struct file;
struct pt_regs;
struct uprobe;

/**
 * struct kpprof_heap_cpu - what the probes of one arm count on one CPU
 * @left: bytes until the next sample; one is due when it is not positive
 * @seq: samples
 * @allocs: calls
 * @bytes: that they asked for
 * @frees: calls
 */
struct kpprof_heap_cpu {
	s64 left;
	u64 seq;
	u64 allocs;
	u64 bytes;
	u64 frees;
};

/**
 * struct kpprof_heap - a heap arm
 * @refs: the table's and one of each process
 * @id: number
 * @rate: mean bytes between two samples
 * @cpus: see above
 * @blocks: what is live
 * @processes: that are probed; under kpprof_lock
 * @overflow: see struct kpprof_heap_counts, as all that follow
 */
struct kpprof_heap {
	struct kref refs;
	u8 id;
	u64 rate;
	struct kpprof_heap_cpu __percpu *cpus;
	struct kpprof_blocks blocks;
	struct list_head processes;
	atomic64_t overflow;
	atomic64_t unplaced;
	atomic64_t missed;
	atomic64_t dropped;
};

/**
 * struct kpprof_heap_probe - one
 * @uc: registered while @on
 * @process: whose
 * @file: that the code is in
 * @offset: where in it
 * @uprobe: the kernel's, since 6.12
 * @site: as it was asked for
 * @on: registered
 */
struct kpprof_heap_probe {
	struct uprobe_consumer uc;
	struct kpprof_heap_process *process;
	struct file *file;
	loff_t offset;
	struct uprobe *uprobe;
	struct kpprof_heap_site site;
	bool on;
};

/**
 * struct kpprof_heap_process - a process that is probed
 * @refs: the arm's list and one of each call
 * @node: in the arm's list
 * @heap: one reference
 * @tgid: number in the initial PID namespace
 * @mm: its memory: only compared, and kept from being used again. After an execve(2) it has another
 * @dying: the probes are being taken out: calls are not followed any more
 * @n: probes
 * @probes: they
 */
struct kpprof_heap_process {
	struct kref refs;
	struct list_head node;
	struct kpprof_heap *heap;
	pid_t tgid;
	struct mm_struct *mm;
	bool dying;
	u32 n;
	struct kpprof_heap_probe probes[];
};

/** kpprof_heap_process_get() - one more reference. Context: any */
static inline struct kpprof_heap_process *kpprof_heap_process_get(struct kpprof_heap_process *p)
{
	kref_get(&p->refs);
	return p;
}

/** kpprof_heap_process_put() - one less. Context: task; the last one sleeps */
void kpprof_heap_process_put(struct kpprof_heap_process *p);

/* ---- heap_probe.c */

/** kpprof_heap_hit() - the handler of all probes. Context: the probed thread; it may sleep */
int kpprof_heap_hit(KPPROF_UPROBE_HANDLER_ARGS);

/** kpprof_heap_gap() - bytes until the next sample, exponentially distributed. Context: any */
s64 kpprof_heap_gap(u64 rate);

/** kpprof_heap_rooms() - have room for walks, or give it back. Context: task. 0 or -ENOMEM */
int kpprof_heap_rooms(bool want);

/** kpprof_heap_tell() - a record without a stack. Context: task, the thread of @regs */
void kpprof_heap_tell(const struct kpprof_heap_process *p, struct pt_regs *regs,
		      enum kpprof_heap_what what, u64 seq, u64 ptr, u32 flags);

/* ---- heap_call.c */

/**
 * struct kpprof_heap_calling - a call whose result is wanted
 * @seq: number of the sample; 0 for a call that only resizes one
 * @old: number of the sample that is resized, 0 for none
 * @arg: the call's first argument
 * @sp: stack pointer at the function's first instruction: the return address is there
 * @back: the return address
 * @stored: KPPROF_ALLOC_STORED
 */
struct kpprof_heap_calling {
	u64 seq;
	u64 old;
	u64 arg;
	u64 sp;
	u64 back;
	bool stored;
};

/** kpprof_heap_call_begin() - wait for its return. Context: the thread in it */
void kpprof_heap_call_begin(struct kpprof_heap_process *p,
			    const struct kpprof_heap_calling *calling);

/**
 * kpprof_heap_calls_check() - a call begins at stack pointer @sp: those of the same thread that are
 * below have been left without a return (longjmp)
 *
 * Context: the thread in it.
 */
void kpprof_heap_calls_check(u64 sp);

/** kpprof_heap_calls_leave() - the current thread ends. Context: it, preemption off */
void kpprof_heap_calls_leave(void);

/** kpprof_heap_calls_end() - give up those of a process that is @dying. Context: task */
void kpprof_heap_calls_end(struct kpprof_heap_process *p);

/** kpprof_heap_calls_idle() - no arm is left: look for old ones no more. Context: task */
void kpprof_heap_calls_idle(void);

/** kpprof_heap_calls_deinit() - none is left on return, and no code of theirs runs. Context: task
 */
void kpprof_heap_calls_deinit(void);

#endif /* KPPROF_HEAP_PARTS_H */
