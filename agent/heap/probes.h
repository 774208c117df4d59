/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The probes of one process's allocator: perf's uprobe events, each with its program of the filter.
 * They are put into this process's memory only, and go with their descriptors: at the latest when
 * the agent dies.
 */
#ifndef KPPROF_PROBES_H
#define KPPROF_PROBES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../image/allocfuncs.h"

struct heap_filter;
struct heap_probes;

/**
 * heap_probes_open() - probe
 * @f: has the programs
 * @tid: a thread of the process that lives on; all of its threads are probed
 * @fd: the image that the functions are in
 * @funcs: they
 * @n: how many
 * @first: number of the first one in records
 * @out: the probes
 *
 * Return: 0; -ENOENT when this kernel has no uprobe events; -errno of perf_event_open(2) and
 * bpf(2).
 */
int heap_probes_open(struct heap_filter *f, pid_t tid, int fd, const struct alloc_func *funcs,
		     size_t n, uint32_t first, struct heap_probes **out);

/** heap_probes_close() - take them out; NULL is allowed */
void heap_probes_close(struct heap_probes *p);

/**
 * heap_probes_closing() - whether probes are being taken out still
 *
 * The kernel does that one by one, and lets nobody open new ones meanwhile.
 */
bool heap_probes_closing(void);

/**
 * heap_probes_settle() - wait until none is being taken out any more, for 10 s at the most
 *
 * Before the agent ends: of a thread that is killed over it the kernel leaves the probe in the
 * program for ever ("failed to unregister, leaking uprobe" in its log).
 */
void heap_probes_settle(void);

/** heap_probes_count() - how many there are */
unsigned int heap_probes_count(const struct heap_probes *p);

/** heap_probes_stepped() - how many the kernel has to single-step */
unsigned int heap_probes_stepped(const struct heap_probes *p);

/** uprobe_type() - the type of uprobe events, or -ENOENT */
int uprobe_type(void);

#endif /* KPPROF_PROBES_H */
