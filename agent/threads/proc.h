/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The files of one thread under /proc/PID/task/TID: their text is the kernel's, but what a program
 * calls itself stands in it, and so it is read as hostile.
 */
#ifndef KPPROF_THREADS_PROC_H
#define KPPROF_THREADS_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct proc_stat - what is used of "stat", proc(5)
 * @name: comm, cut to 15 bytes; control characters and bytes above 0x7e are still in it
 * @state: R S D T t Z X I and so on
 * @kthread: a kernel thread
 * @cpu: where it runs, or ran last
 */
struct proc_stat {
	char name[16];
	char state;
	bool kthread;
	unsigned int cpu;
};

/**
 * struct proc_syscall - "syscall", proc(5)
 * @running: it is on a CPU, or wants one; nothing else is known then
 * @in_syscall: it is in a system call
 * @nr: its number
 * @args: its arguments
 * @sp: user stack pointer; 0 for a kernel thread
 * @ip: user instruction pointer
 */
struct proc_syscall {
	bool running;
	bool in_syscall;
	long nr;
	uint64_t args[6];
	uint64_t sp;
	uint64_t ip;
};

/** proc_stat_parse() - 0, or -EBADMSG */
int proc_stat_parse(const char *text, struct proc_stat *out);

/** proc_syscall_parse() - 0, or -EBADMSG */
int proc_syscall_parse(const char *text, struct proc_syscall *out);

/** proc_schedstat_parse() - how often the thread has got a CPU, the third number of "schedstat";
 * 0 or -EBADMSG */
int proc_schedstat_parse(const char *text, uint64_t *runs);

/** proc_switches_parse() - voluntary and other context switches in "status" together; 0 or
 * -EBADMSG */
int proc_switches_parse(const char *text, uint64_t *switches);

/** proc_exec_start_parse() - se.exec_start of "sched" in nanoseconds of the scheduler's clock; 0 or
 * -EBADMSG */
int proc_exec_start_parse(const char *text, uint64_t *ns);

/**
 * proc_stack_parse() - frames of "stack", whose lines are "[<0>] name+0x1/0x2"
 * @text: terminated
 * @out: "name+0x1/0x2" in lines, terminated; cut to whole lines
 * @size: bytes of @out
 */
void proc_stack_parse(const char *text, char *out, size_t size);

/**
 * proc_task_read() - read a file of a thread at once
 * @task: descriptor of /proc/PID/task
 * @buf: out: the text, terminated; what does not fit is cut
 *
 * Return: bytes; -ENOENT for no such file or thread; -ESRCH; -errno.
 */
ssize_t proc_task_read(int task, pid_t tid, const char *file, char *buf, size_t size);

#endif /* KPPROF_THREADS_PROC_H */
