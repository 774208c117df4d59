// SPDX-License-Identifier: GPL-2.0-or-later
#include "blocks.h"

#include <math.h>
#include <stdlib.h>

#include "../base/hash.h"

static struct block **bucket_of(const struct blocks *b, uint64_t seq)
{
	return &b->buckets[(hash_u64(seq) >> 40) % BLOCKS_BUCKETS];
}

struct block *blocks_add(struct blocks *b, uint64_t seq)
{
	struct block *block, **at;

	if (b->max && b->n >= b->max)
		return NULL;
	if (!b->buckets)
		b->buckets = calloc(BLOCKS_BUCKETS, sizeof(struct block *));
	block = b->buckets ? calloc(1, sizeof(*block)) : NULL;
	if (!block)
		return NULL;
	block->seq = seq;
	at = bucket_of(b, seq);
	block->next = *at;
	*at = block;
	b->n++;
	return block;
}

struct block *blocks_find(const struct blocks *b, uint64_t seq)
{
	struct block *block = b->buckets ? *bucket_of(b, seq) : NULL;

	while (block && block->seq != seq)
		block = block->next;
	return block;
}

void blocks_remove(struct blocks *b, struct block *block)
{
	struct block **at = bucket_of(b, block->seq);

	while (*at != block)
		at = &(*at)->next;
	*at = block->next;
	free(block);
	b->n--;
}

void blocks_each(struct blocks *b, void (*fn)(void *ctx, struct block *block), void *ctx)
{
	for (size_t i = 0; b->buckets && i < BLOCKS_BUCKETS; i++) {
		struct block *block = b->buckets[i];

		while (block) {
			struct block *next = block->next;

			fn(ctx, block);
			block = next;
		}
	}
}

static void remove_one(void *ctx, struct block *block)
{
	blocks_remove(ctx, block);
}

void blocks_deinit(struct blocks *b)
{
	blocks_each(b, remove_one, b);
	free(b->buckets);
	b->buckets = NULL;
}

double block_scale(uint64_t size, uint64_t rate)
{
	if (rate <= 1 || !size)
		return 1;
	return 1 / -expm1(-(double)size / (double)rate);
}
