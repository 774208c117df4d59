/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Samples on their way to a stack. One that meets an image without unwind rows is kept until the
 * rows come; the ring goes on, so it is a copy.
 */
#ifndef KPPROF_HELD_H
#define KPPROF_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "process.h"
#include "record.h"
#include "stack.h"

struct image;
struct image_store;

/* All samples that wait for rows together; past this, stacks end in "rows not loaded yet". */
enum { HELD_BYTES_MAX = 8 << 20 };

/**
 * struct held - one sample
 * @deliver: called once with the stack, which is valid during the call; the sample is freed then
 * @owner: for @deliver
 * @watches: watches of waits that want it, bits; see watch.h
 * @awaits: image whose rows it needs
 * @process: one reference
 * @maps: one reference, or NULL
 * @record: the sample; what it points to is in the same allocation
 * @thread: name
 * @bytes: of the allocation
 * @extra: what @deliver wants to know
 */
struct held {
	struct held *next;
	void (*deliver)(struct held *h, const struct stack *stack);
	void *owner;
	uint64_t watches;
	struct image *awaits;
	struct process *process;
	struct maps *maps;
	struct record record;
	char thread[COMM_LEN];
	size_t bytes;
	max_align_t extra[];
};

/**
 * struct held_list - samples that wait for rows; all zero is none
 * @first: them
 * @retrying: those whose rows have come
 * @bytes: their memory
 */
struct held_list {
	struct held *first;
	struct held *retrying;
	size_t bytes;
};

/**
 * held_create() - copy a sample
 * @r: the record, a sample
 * @process: its process
 * @thread: name of its thread
 * @extra: bytes for the caller, zeroed
 *
 * Return: the copy, whose @deliver is to be set, or NULL without memory.
 */
struct held *held_create(const struct record *r, struct process *process, const char *thread,
			 size_t extra);

/** held_copy() - the same sample once more, to be delivered twice; as held_create() */
struct held *held_copy(const struct held *h, size_t extra);

/** held_free() - free a copy and its references, undelivered */
void held_free(struct held *h);

/**
 * held_walk() - walk the copied stack and deliver, or keep the sample until rows come
 * @l: for those that wait
 * @store: images
 * @h: the list's from here on, and freed after its delivery, which may have been when this returns
 */
void held_walk(struct held_list *l, struct image_store *store, struct held *h);

/**
 * held_walked() - deliver and free a sample whose stack the module has walked
 * @believed: see follow_sample(); without, only its first frame is certain
 */
void held_walked(struct held *h, bool believed);

/** held_rows_ready() - the rows of an image have come, or will not */
void held_rows_ready(struct held_list *l, struct image_store *store, const struct image *image);

/** held_each() - call @fn for each sample that waits; it may not free any */
void held_each(struct held_list *l, void (*fn)(void *ctx, struct held *h), void *ctx);

/** held_clear() - free all samples that wait, undelivered */
void held_clear(struct held_list *l);

#endif /* KPPROF_HELD_H */
