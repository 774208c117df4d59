/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The way of a heap watch that probes nothing: page faults, sampled on all CPUs. See watch.h. */
#ifndef KPPROF_GROWTH_H
#define KPPROF_GROWTH_H

struct heap_watch;

/** growth_open() - begin to sample; 0 or -errno of perf_event_open(2) and mmap(2) */
int growth_open(struct heap_watch *w);

/** growth_check() - pages that are not there any more are freed */
void growth_check(struct heap_watch *w);

/** growth_close() - free what it holds; the events are the watch's; one that never began is allowed
 */
void growth_close(struct heap_watch *w);

#endif /* KPPROF_GROWTH_H */
