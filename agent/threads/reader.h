/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading one thread where it sleeps: what the module or its files under /proc say of it, and its
 * stack, with proof that it did not run meanwhile, which is how often it has got a CPU before and
 * after. The module also knows the registers, and the stack of one that runs.
 */
#ifndef KPPROF_THREADS_READER_H
#define KPPROF_THREADS_READER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "clock.h"

struct dump_thread;
struct genl;
struct image;
struct image_store;
struct module_thread;
struct process;
struct processes;
struct table;

enum read_result {
	READ_DONE,    /* what can be known is known */
	READ_ROWS,    /* unwind rows are missing: again when they are there */
	READ_RUNNING, /* it is on a CPU, or wants one: it has to be met there */
	READ_GONE,    /* there is no such thread any more */
};

/**
 * struct reader - what is open while the threads of a process are read
 * @store: images
 * @processes: the dump's own, so that their mappings are those of this moment
 * @what: DUMP_ bits
 * @table: where stacks go
 */
struct reader {
	struct image_store *store;
	struct processes *processes;
	unsigned int what;
	struct table *table;

	/* private: */
	pid_t pid;
	int task;
	struct process *process;
	bool compat;
	bool reloaded;
	bool no_schedstat;
	struct genl *module;
	struct module_thread *seen;
	unsigned int cpu;
	struct task_clock clock;
};

/**
 * reader_init() - nothing open yet, but the module if there is one; the public fields are set by
 * the caller before
 *
 * Return: 0 or -ENOMEM.
 */
int reader_init(struct reader *r);

/** reader_deinit() - close what is open */
void reader_deinit(struct reader *r);

/** reader_open() - turn to a process; nothing happens if it is open; 0, -ESRCH, -ENOMEM, -errno */
int reader_open(struct reader *r, pid_t pid);

/** reader_want_rows() - load the unwind rows of all that the open process has mapped */
void reader_want_rows(struct reader *r);

/**
 * reader_thread() - read a thread of the open process
 * @r: reader
 * @t: pid and tid are set; the rest is filled in
 *
 * A few times over when the thread runs meanwhile; one that runs each time is READ_RUNNING, and
 * has the stack that was read last.
 */
enum read_result reader_thread(struct reader *r, struct dump_thread *t);

/**
 * reader_catch() - catch a thread that sleeps only for moments
 *
 * Reads as little as possible, again and again: no kernel frames, no time.
 *
 * Return: READ_RUNNING when it did not succeed, and the stack of @t is what it was.
 */
enum read_result reader_catch(struct reader *r, struct dump_thread *t);

#endif /* KPPROF_THREADS_READER_H */
