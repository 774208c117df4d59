/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory by who touched it first, in a profile with the four values of a heap: the whole of a
 * profile of growth, and what is in use in one of a heap whose blocks are not followed.
 */
#ifndef KPPROF_PAGE_WATCH_H
#define KPPROF_PAGE_WATCH_H

#include "../heap/watch.h"
#include "cumulative.h"
#include "heap_memory.h"

/**
 * struct page_watch - pages that are counted in a profile
 * @c: the profile
 * @memory: of its processes; @live of it counts the pages that are there
 * @allocs: a page that is touched counts as allocated, too
 * @runs: out: between start and stop
 * @watch: out: its losses
 */
struct page_watch {
	struct cumulative *c;
	struct heap_memory *memory;
	bool allocs;
	bool runs;
	struct heap_watch watch;
};

/** page_watch_start() - begin; @p has @c, @memory and @allocs. Return: as heap_watch_start() */
int page_watch_start(struct page_watch *p);

/** page_watch_flush() - for @flush of a cumulative kind: the rest of the profile is flushed */
void page_watch_flush(struct page_watch *p);

/** page_watch_stop() - end at once; one that does not run is allowed */
void page_watch_stop(struct page_watch *p);

#endif /* KPPROF_PAGE_WATCH_H */
