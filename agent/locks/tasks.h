/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads of a dump by number, and their processes with what is needed to read locks in them.
 * What has to be asked of /proc is asked when somebody first wants it.
 */
#ifndef KPPROF_TASKS_H
#define KPPROF_TASKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/buf.h"
#include "../base/hash.h"
#include "space.h"

struct dump_thread;
struct tasks;

/* Text of /proc/PID/maps that is read for a process, more is cut. */
enum { TASK_MAPS_BYTES = 16 << 20 };

/**
 * struct task_process - one process of the dump
 * @space: its memory; first, so that it leads here
 * @all: where it belongs to
 * @index: its number in @all
 * @nthreads: its threads in the dump
 */
struct task_process {
	struct space space;
	struct tasks *all;
	uint32_t index;
	size_t nthreads;

	/* private: */
	bool ns_known;
	struct task_number *numbers;
	size_t nnumbers;
	bool maps_known;
	struct buf maps;
};

/**
 * struct tasks - threads and processes
 * @threads: of the dump, which must outlive it
 * @n: how many
 * @by_tid: their indexes, sorted by tid
 * @process_of: process of each
 * @processes: all
 * @nprocesses: how many
 */
struct tasks {
	const struct dump_thread *threads;
	size_t n;
	uint32_t *by_tid;
	uint32_t *process_of;
	struct task_process *processes;
	uint32_t nprocesses;
	struct intern pids;
};

/** tasks_init() - on the caller's storage; 0 or -ENOMEM, with nothing to undo then */
int tasks_init(struct tasks *t, const struct dump_thread *threads, size_t n);

/** tasks_deinit() - free it */
void tasks_deinit(struct tasks *t);

/** tasks_find() - index of a thread, or -1 */
int64_t tasks_find(const struct tasks *t, pid_t tid);

/** tasks_process() - a process, or NULL when none of its threads is there */
struct task_process *tasks_process(const struct tasks *t, pid_t pid);

/**
 * task_global() - a thread's number in our own pid namespace
 * @p: process that calls it @local
 *
 * Return: the number, which is @local when both are in the same namespace and @p has such a thread
 * or not; 0 when a process of another namespace has no such thread.
 */
pid_t task_global(struct task_process *p, pid_t local);

/** task_exists() - whether @tid is a thread of process @pid now; asks /proc */
bool task_exists(pid_t pid, pid_t tid);

/** task_group() - process of any thread, which need not be in the dump; 0 when there is none */
pid_t task_group(pid_t tid);

/**
 * task_same_memory() - whether two processes have the same page of a file or of shared memory
 * @a: process
 * @addr: address in it
 * @b: other process
 *
 * It need not be at the same address there.
 */
bool task_same_memory(struct task_process *a, uint64_t addr, struct task_process *b);

/**
 * task_object() - what an address is part of, whatever process looks at it
 * @out: device, inode and offset when it lies in shared memory; else 0, process and address
 */
void task_object(struct task_process *p, uint64_t addr, bool shared, uint64_t out[3]);

#endif /* KPPROF_TASKS_H */
