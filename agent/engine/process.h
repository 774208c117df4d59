/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The processes that captures look at: their mappings and the names of their threads, read from
 * /proc when one is first seen and followed through perf records from then on.
 */
#ifndef KPPROF_PROCESS_H
#define KPPROF_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "../image/maps.h"

struct image_store;
struct processes;

enum { COMM_LEN = 16 };

/**
 * struct process - one process; read only outside process.c
 * @pid: thread group id
 * @refs: the table, and samples that are held back
 * @maps: mappings, NULL when they could not be read (a kernel thread, or gone)
 * @main: image of the program itself, or NULL
 * @cookie: number of @maps as they are now; grows with each change, never 0
 * @replaced: @cookie when a mapping last took the place of another one
 * @sent: @cookie of the mappings that the module has, 0 for none; kept by kmod_sync.c
 * @refused: @cookie of mappings that the module did not take
 * @follow: the module is to have its mappings
 * @waits: some of its images had no rows when they were sent
 */
struct process {
	struct process *next;
	pid_t pid;
	unsigned int refs;
	struct maps *maps;
	struct image *main;
	bool want_main;
	uint32_t cookie;
	uint32_t replaced;
	uint32_t sent;
	uint32_t refused;
	bool follow;
	bool waits;
};

/** processes_create() - an empty table; 0 or -ENOMEM */
int processes_create(struct image_store *store, struct processes **out);

/** processes_destroy() - free the table; processes that are still referenced live on */
void processes_destroy(struct processes *t);

/** processes_clear() - forget all processes */
void processes_clear(struct processes *t);

/** processes_find() - a process that is known already, or NULL */
struct process *processes_find(const struct processes *t, pid_t pid);

/** processes_load() - a process, read from /proc if it is not known yet; NULL without memory */
struct process *processes_load(struct processes *t, pid_t pid);

/** process_get() - one more reference; returns @p */
struct process *process_get(struct process *p);

/** process_put() - one reference less */
void process_put(struct process *p);

/**
 * process_reload_through() - the same through one of its threads: a process whose first thread has
 * ended shows nothing any more
 */
int process_reload_through(struct processes *t, struct process *p, pid_t tid);

/** processes_each() - call @fn for each process; it may not add or remove any */
void processes_each(struct processes *t, void (*fn)(void *ctx, struct process *p), void *ctx);

/** process_reload() - read a process's mappings from /proc again; 0 or -errno */
int process_reload(struct processes *t, struct process *p);

/** processes_thread() - name of a thread, at most 15 bytes; "" when it is not known and gone */
const char *processes_thread(struct processes *t, pid_t pid, pid_t tid);

/*
 * What perf records tell, in the order of their times. Those about a process that is not known are
 * ignored, except that a child of a known one is known.
 */

/** processes_fork() - @pid was forked by @ppid: it has the same mappings */
void processes_fork(struct processes *t, pid_t ppid, pid_t pid);

/** processes_thread_new() - thread @ptid made thread @tid */
void processes_thread_new(struct processes *t, pid_t ptid, pid_t tid);

/** processes_comm() - a thread has a new name */
void processes_comm(struct processes *t, pid_t tid, const char *name);

/** processes_exec() - a process runs another program: its mappings are gone */
void processes_exec(struct processes *t, pid_t pid);

/** processes_mmap() - a process has a new executable mapping */
void processes_mmap(struct processes *t, pid_t pid, const struct map_entry *e);

/** processes_exit() - a thread is gone; with its leader the process is forgotten */
void processes_exit(struct processes *t, pid_t pid, pid_t tid);

#endif /* KPPROF_PROCESS_H */
