/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Allocations as the module samples them: a heap arm of it (uapi/kpprof.h), with one probe in each
 * function of an allocator, and its records.
 */
#ifndef KPPROF_HEAP_MODULE_H
#define KPPROF_HEAP_MODULE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct allocator;
struct engine;
struct event_set;
struct heap_counts;
struct heap_module;
struct heap_watch;

/**
 * struct heap_probed - the probes of one process
 * @n: how many
 * @stepped: of these, how many the kernel has to single-step
 */
struct heap_probed {
	unsigned int n;
	unsigned int stepped;
};

/** enum heap_which - functions of an allocator */
enum heap_which {
	HEAP_PROBE_ALL,
	HEAP_PROBE_ALLOCS,
	HEAP_PROBE_FREES,
};

/**
 * heap_module_open() - an arm without processes
 * @rate: mean bytes between two samples
 * @w: gets the samples; NULL to see whether the module would take it
 *
 * Return: 0; -ENOENT when there is no module; -EBUSY when it works for somebody else, or has no
 * arm left; -errno. engine_why() has a text then.
 */
int heap_module_open(struct engine *e, uint64_t rate, struct heap_watch *w,
		     struct heap_module **out);

/** heap_module_close() - end it: no probe is left on return; NULL is allowed */
void heap_module_close(struct heap_module *m);

/**
 * heap_module_probe() - probe a process
 * @a: its allocator
 * @which: of its functions
 * @out: the probes
 *
 * Return: 0; -ESRCH; -ENOENT when its code is not mapped; -errno, with a text in
 * heap_module_error().
 */
int heap_module_probe(struct heap_module *m, pid_t pid, const struct allocator *a,
		      enum heap_which which, struct heap_probed *out);

/** heap_module_lift() - take the probes out of a process; one without probes is none */
void heap_module_lift(struct heap_module *m, pid_t pid);

/** heap_module_counts() - what was counted, sampled or not; zeros when it cannot be known */
void heap_module_counts(struct heap_module *m, struct heap_counts *out);

/**
 * heap_module_live() - call @fn with the number of each sample that is live
 *
 * Return: 0 or -errno.
 */
int heap_module_live(struct heap_module *m, void (*fn)(void *ctx, uint64_t seq), void *ctx);

/** heap_module_events() - where its records come from; NULL for nowhere */
struct event_set *heap_module_events(const struct heap_module *m);

/** heap_module_error() - the module's words for the last refusal */
const char *heap_module_error(const struct heap_module *m);

#endif /* KPPROF_HEAP_MODULE_H */
