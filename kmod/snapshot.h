/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a thread of another process is doing at one moment, without stopping it: of one that is on
 * no CPU the registers are on its kernel stack; one that runs is interrupted for as long as it
 * takes to copy them, by the interrupt that CPUs send each other. Neither sees a signal, nor has a
 * system call of its own end early.
 */
#ifndef KPPROF_SNAPSHOT_H
#define KPPROF_SNAPSHOT_H

#include <linux/types.h>

#include "../uapi/kpprof.h"
#include "walk.h"

struct task_struct;

/**
 * struct kpprof_snapshot - a thread at one moment
 * @generation: times that it has left a CPU: the same number again, and not running, means that it
 *	has not run since
 * @flags: KPPROF_THREAD_*
 * @state: as in /proc/PID/stat
 * @state_ns: time in the state; 0 when it is not known
 * @nr: system call, with KPPROF_THREAD_SYSCALL
 * @args: its arguments
 * @ip: user instruction pointer, with KPPROF_THREAD_REGS
 * @regs: user registers by DWARF number
 * @nstack: bytes of @stack
 * @stack: of a thread that runs: its user stack, from the stack pointer up
 */
struct kpprof_snapshot {
	u64 generation;
	u32 flags;
	char state;
	u64 state_ns;
	int nr;
	u64 args[6];
	u64 ip;
	u64 regs[KPPROF_NREGS];
	u32 nstack;
	u64 stack[KPPROF_THREAD_STACK_MAX / sizeof(u64)];
};

/**
 * kpprof_snapshot_take() - look at a thread
 * @t: thread, with a reference; may be the current one
 * @s: out
 *
 * A thread that runs, stops and moves so fast that each try comes too late has
 * KPPROF_THREAD_MOVED and no registers.
 *
 * Context: task, interrupts on; does not sleep, but waits for other CPUs to answer an interrupt.
 */
void kpprof_snapshot_take(struct task_struct *t, struct kpprof_snapshot *s);

/**
 * kpprof_snapshot_brief() - only @generation, @state and whether it runs
 * @t: as above
 * @s: out: the other fields are zero
 *
 * Context: any.
 */
void kpprof_snapshot_brief(struct task_struct *t, struct kpprof_snapshot *s);

#endif /* KPPROF_SNAPSHOT_H */
