/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a heap watch has sampled, from the record of a block to its end; the same for each of its
 * sources (module.c, perf.c, growth.c).
 */
#ifndef KPPROF_HEAP_SAMPLES_H
#define KPPROF_HEAP_SAMPLES_H

#include <stdint.h>
#include <sys/types.h>

struct block;
struct heap_watch;
struct record;

/**
 * heap_watch_take() - a sample has come: its stack is walked, and it is delivered
 * @w: watch
 * @r: the record
 * @b: the block, new; it is removed when there is no memory
 */
void heap_watch_take(struct heap_watch *w, const struct record *r, struct block *b);

/** heap_watch_new() - a sampled allocation of @size bytes; NULL without memory, which is counted */
struct block *heap_watch_new(struct heap_watch *w, uint64_t seq, uint64_t size);

/** heap_watch_unfollow() - nothing is live for this watch any more, since probes that are not
 * always there miss the end of blocks: see @on_governed */
void heap_watch_unfollow(struct heap_watch *w);

/** heap_watch_lost() - the kernel had no room for @n more records: see event_set_told() */
void heap_watch_lost(struct heap_watch *w, uint64_t n);

/** heap_watch_placed() - the address of a block is known; it may be forgotten */
void heap_watch_placed(struct heap_watch *w, struct block *b, uint64_t ptr);

/** heap_watch_freed() - a block is not there any more; it may be forgotten */
void heap_watch_freed(struct heap_watch *w, struct block *b);

/** heap_samples_reconcile() - where records were lost, frees among them perhaps, what is live is
 * asked from the kernel */
void heap_samples_reconcile(struct heap_watch *w);

/** heap_samples_sweep() - forget calls that have not returned by @now */
void heap_samples_sweep(struct heap_watch *w, uint64_t now);

/** heap_samples_leave() - the process has no memory any more */
void heap_samples_leave(struct heap_watch *w, pid_t pid);

/** heap_samples_forget() - what is still held is not delivered */
void heap_samples_forget(struct heap_watch *w);

#endif /* KPPROF_HEAP_SAMPLES_H */
