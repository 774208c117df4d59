/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of a heap watch, each with its allocator and its probes. */
#ifndef KPPROF_HEAP_PROCESSES_H
#define KPPROF_HEAP_PROCESSES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "allocator.h"
#include "module.h"

struct allocator_search;
struct heap_probes;
struct heap_watch;

/* Processes of one watch that are probed; more are not. */
enum { HEAP_PROCESSES_MAX = 64 };

/**
 * struct heap_process - one
 * @watch: whose
 * @pid: process
 * @allocator: NULL while it is looked for, or when there is none
 * @search: under way, or NULL
 * @probes: by part of the allocator; perf's
 * @probed: the module's
 * @cpu_ns: its CPU time when the governor looked last
 */
struct heap_process {
	struct heap_process *next;
	struct heap_watch *watch;
	pid_t pid;
	struct allocator *allocator;
	struct allocator_search *search;
	struct heap_probes *probes[ALLOCATOR_PARTS];
	struct heap_probed probed;
	uint64_t cpu_ns;
};

/** heap_process_add() - probe a process, now or when its allocator is found; 0 or -errno */
int heap_process_add(struct heap_watch *w, pid_t pid);

/** heap_process_find() - NULL for none */
struct heap_process *heap_process_find(const struct heap_watch *w, pid_t pid);

/** heap_process_remove() - take the probes out and forget it */
void heap_process_remove(struct heap_watch *w, struct heap_process *p);

/** heap_process_attach() - probe it if its allocator is known, and the governor lets it; 0 or
 * -errno */
int heap_process_attach(struct heap_process *p);

/** heap_process_lift() - take the probes out; everything else is kept */
void heap_process_lift(struct heap_process *p);

#endif /* KPPROF_HEAP_PROCESSES_H */
