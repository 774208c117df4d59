/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The way of a heap watch without the module: BPF programs on perf's uprobe events (filter.h),
 * whose records are read from rings.
 */
#ifndef KPPROF_HEAP_PERF_H
#define KPPROF_HEAP_PERF_H

struct heap_watch;

/**
 * heap_perf_open() - make the programs and their rings: @filter and @set of the watch, which frees
 * them
 *
 * Return: 0; -ENOSYS or -EPERM without bpf(2); -errno of perf_event_open(2) and mmap(2).
 */
int heap_perf_open(struct heap_watch *w);

/** heap_perf_rescan() - about once a second: the programs are told of rings of CPUs that came */
void heap_perf_rescan(struct heap_watch *w);

/** heap_perf_deeper() - a stack was deeper than its copy; copies are longer after some of these */
void heap_perf_deeper(struct heap_watch *w);

#endif /* KPPROF_HEAP_PERF_H */
