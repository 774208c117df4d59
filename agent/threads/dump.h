/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A dump: what each thread of a target is doing at one moment. Nothing is stopped: a thread that
 * sleeps is read where it sleeps, one that runs is met by a short sample.
 */
#ifndef KPPROF_DUMP_H
#define KPPROF_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../engine/stack.h"
#include "../engine/target.h"

struct dump;
struct engine;

/* Threads of one dump; those over it are counted. */
enum { DUMP_THREADS_MAX = 32768 };

/* What a dump is to find out besides: bits. */
enum {
	DUMP_KERNEL = 1, /* kernel frames */
	DUMP_TIMES = 2,	 /* how long each thread has been in its state */
};

/**
 * struct dump_thread - one thread
 * @pid: its process
 * @tid: thread
 * @name: comm, hostile text
 * @state: as /proc/PID/stat has it: R S D T t Z X I
 * @state_ns: time since it was last on a CPU; 0 when not known, or not asked for. Without the
 *	module from se.exec_start in /proc/PID/task/TID/sched, which a kernel without
 *	CONFIG_SCHED_DEBUG does not have
 * @known: what of @syscall, @args, @sp and @ip is true: they were read while the thread slept
 * @in_syscall: it is in a system call
 * @syscall: its number, when @in_syscall
 * @args: its arguments
 * @regs: user registers by DWARF number, where @have_regs; else only sp and ip
 * @have_regs: all registers are known (the module)
 * @ip: user instruction pointer
 * @sp: user stack pointer
 * @compat: it runs 32-bit code
 * @stack: its stack; lives as long as the dump. Its kernel half is empty where only @kernel is
 *	known
 * @kernel: kernel frames by name, leaf first, as /proc/PID/task/TID/stack has them:
 *	"futex_wait+0x5e/0x110" in lines; "" when there are none, or they were not asked for
 * @kthread: it is a kernel thread
 * @queued: @state is R, but it has waited for a CPU as long as it was looked at
 * @note: what could not be had, and why; NULL when nothing is missing. Static text
 */
struct dump_thread {
	pid_t pid;
	pid_t tid;
	char name[16];
	char state;
	uint64_t state_ns;
	bool known;
	bool in_syscall;
	long syscall;
	uint64_t args[6];
	uint64_t regs[16];
	bool have_regs;
	uint64_t ip;
	uint64_t sp;
	bool compat;
	bool kthread;
	bool queued;
	struct stack stack;
	const char *kernel;
	const char *note;

	/* private to threads/: numbers in the table of stacks + 1, 0 for none; met by a sample;
	 * how often it had got a CPU when it was read */
	bool met;
	uint64_t runs;
	uint32_t user_number;
	uint32_t kernel_number;
	uint32_t text_number;
};

/**
 * dump_start() - look at all threads of a target
 * @e: engine
 * @target: whose threads
 * @what: DUMP_ bits
 * @done: called once from the loop when all threads were read and walked; the dump is the
 *	callee's then, to be given to dump_free()
 * @ctx: for @done
 * @out: for dump_cancel(), valid until @done
 *
 * Return: 0; -ESRCH when there is no such process; -ENOMEM.
 */
int dump_start(struct engine *e, const struct target *target, unsigned int what,
	       void (*done)(void *ctx, struct dump *d), void *ctx, struct dump **out);

/** dump_cancel() - stop and free; @done is not called; NULL is allowed */
void dump_cancel(struct dump *d);

/** dump_free() - free a finished dump; NULL is allowed */
void dump_free(struct dump *d);

/** dump_threads() - the threads, by pid and then tid, @n of them; valid until dump_free() */
const struct dump_thread *dump_threads(const struct dump *d, size_t *n);

/** dump_left_out() - threads that were not looked at for want of room */
size_t dump_left_out(const struct dump *d);

#endif /* KPPROF_DUMP_H */
