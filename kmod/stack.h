/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The user half of a stack, from an interrupt or in the thread itself: registers, the walk over
 * mappings and rows, and the copy of the stack for the agent where there are none. User memory is
 * read word by word and never faulted in; nothing is allocated and no lock taken.
 */
#ifndef KPPROF_STACK_H
#define KPPROF_STACK_H

#include <linux/trace_events.h>
#include <linux/types.h>

#include "trace.h"
#include "walk.h"

struct pt_regs;
struct kpprof_maps;

/* The same as the agent keeps of a stack (agent/engine/engine.h). */
#define KPPROF_USER_FRAMES_MAX 384u

/* Bytes of a user stack in one kpprof:kpprof_stack record: what a record of the kernel's holds. */
#define KPPROF_STACK_PART (PERF_MAX_TRACE_SIZE - 512u)

/**
 * struct kpprof_stack - room for one stack; one for each CPU, too large for the interrupt's own
 * @regs: user registers by DWARF number
 * @ip: user instruction pointer
 * @pcs: frames
 * @bytes: copy of a part of the stack
 */
struct kpprof_stack {
	u64 regs[KPPROF_NREGS];
	u64 ip;
	u64 pcs[KPPROF_USER_FRAMES_MAX];
	u64 bytes[KPPROF_STACK_PART / sizeof(u64)];
};

/** kpprof_stack_dwarf() - user registers by DWARF number. Context: any */
void kpprof_stack_dwarf(u64 dwarf[KPPROF_NREGS], const struct pt_regs *regs);

/**
 * kpprof_stack_read() - words of the current thread's memory, until one cannot be read
 * @from: user address
 * @words: out
 * @max: room
 *
 * Context: any on top of the thread. Return: how many.
 */
u32 kpprof_stack_read(u64 from, u64 *words, u32 max);

struct kpprof_target;

/**
 * kpprof_stack_take() - the user frames of the current thread
 * @s: room, of this CPU and in no other use
 * @t: its process; NULL when it is not known
 * @regs: what was interrupted, or the thread's own when it was not
 * @sample: out: cookie, end, guesses, ips, nips
 *
 * Context: any, on top of the thread, not to be moved to another CPU; under rcu_read_lock().
 * Return: the agent is to walk it, from the parts that kpprof_stack_tell() sends.
 */
bool kpprof_stack_take(struct kpprof_stack *s, const struct kpprof_target *t, struct pt_regs *regs,
		       struct kpprof_sample *sample);

/**
 * kpprof_stack_tell() - trace events with the stack from the stack pointer up
 * @s: filled by kpprof_stack_take(), which has returned true
 * @regs: as there
 * @sample: as there
 *
 * At most KPPROF_STACK_MAX bytes. Context: as kpprof_stack_take().
 */
void kpprof_stack_tell(struct kpprof_stack *s, struct pt_regs *regs, struct kpprof_sample *sample);

#endif /* KPPROF_STACK_H */
