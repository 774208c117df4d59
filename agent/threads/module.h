/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads as the kernel module sees them: THREADS of uapi/kpprof.h, one thread at a time. */
#ifndef KPPROF_THREADS_MODULE_H
#define KPPROF_THREADS_MODULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../uapi/kpprof.h"

struct genl;

/**
 * struct module_thread - a thread at one moment
 * @flags: KPPROF_THREAD_*
 * @state: as in /proc/PID/stat
 * @generation: see module_thread_slept()
 * @state_ns: time in the state, 0 when it is not known
 * @name: comm, hostile text
 * @nr: system call, with KPPROF_THREAD_SYSCALL
 * @args: its arguments
 * @ip: user instruction pointer, with KPPROF_THREAD_REGS
 * @regs: user registers by DWARF number
 * @nstack: bytes of @stack
 * @stack: of a thread that runs, from the stack pointer up
 */
struct module_thread {
	uint32_t flags;
	char state;
	uint64_t generation;
	uint64_t state_ns;
	char name[16];
	int32_t nr;
	uint64_t args[6];
	uint64_t ip;
	uint64_t regs[16];
	uint32_t nstack;
	unsigned char stack[KPPROF_THREAD_STACK_MAX];
};

/**
 * module_thread_open() - a socket to the module, for genl_close(); NULL when there is none
 *
 * Looking for a module that is not there starts programs; it is not looked for again for some
 * seconds.
 */
struct genl *module_thread_open(void);

/**
 * module_thread_read() - look at a thread
 * @g: socket from module_thread_open()
 * @pid: its process
 *
 * Return: 0; -ESRCH when there is no such thread; -errno.
 */
int module_thread_read(struct genl *g, pid_t pid, pid_t tid, struct module_thread *out);

/**
 * module_thread_slept() - whether a thread has not run since it was looked at
 * @generation: as of then
 *
 * Return: false when it has, has ended, or cannot be asked.
 */
bool module_thread_slept(struct genl *g, pid_t pid, pid_t tid, uint64_t generation);

#endif /* KPPROF_THREADS_MODULE_H */
