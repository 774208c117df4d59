/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sampled allocations, by their number: what is known of each until it is freed. */
#ifndef KPPROF_BLOCKS_H
#define KPPROF_BLOCKS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum {
	BLOCK_COUNTED = 1, /* its stack is known, and it was counted under @handle */
	BLOCK_PLACED = 2,  /* its address is known */
	BLOCK_FREED = 4,
	BLOCK_INNER =
		8, /* made by the allocator itself on its way to another one: does not count */
	BLOCK_SEEN = 16, /* among those that the kernel has said are live */
};

/**
 * struct block - a sampled allocation
 * @seq: its number
 * @ptr: address, when BLOCK_PLACED
 * @tgid: process, in the kernel's numbers
 * @time: of the allocation, CLOCK_MONOTONIC
 * @size: bytes asked for
 * @count: allocations of that size that it stands for
 * @pid: process
 * @handle: where it was counted
 * @flags: BLOCK_*
 */
struct block {
	struct block *next;
	uint64_t seq;
	uint64_t ptr;
	uint64_t tgid;
	uint64_t time;
	uint64_t size;
	double count;
	pid_t pid;
	uint32_t handle;
	unsigned int flags;
};

enum { BLOCKS_BUCKETS = 1 << 14 };

/**
 * struct blocks - a table of them; all zero is an empty one
 * @n: how many
 * @max: no more than this; 0 for no limit
 */
struct blocks {
	struct block **buckets;
	size_t n;
	size_t max;
};

/** blocks_add() - a new one, all zero but its number; NULL without memory, or when it is full */
struct block *blocks_add(struct blocks *b, uint64_t seq);

/** blocks_find() - by number; NULL for none */
struct block *blocks_find(const struct blocks *b, uint64_t seq);

/** blocks_remove() - forget and free one */
void blocks_remove(struct blocks *b, struct block *block);

/** blocks_each() - call @fn for each; it may remove that one, and no other */
void blocks_each(struct blocks *b, void (*fn)(void *ctx, struct block *block), void *ctx);

/** blocks_deinit() - free all */
void blocks_deinit(struct blocks *b);

/**
 * block_scale() - how many allocations of @size bytes a sampled one stands for
 *
 * Where a point every @rate bytes in the mean (a Poisson process) makes a sample of the allocation
 * that it falls into, one of @size is sampled with probability 1 - exp(-size / rate): Go's formula,
 * scaleHeapSample() in runtime/pprof/protomem.go.
 */
double block_scale(uint64_t size, uint64_t rate);

#endif /* KPPROF_BLOCKS_H */
