/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The sampled blocks of memory that are live, by their address, so that the end of each is seen:
 * looked up with every free of a probed process. Bounded; each block belongs to its table.
 *
 * Context: task, but where it says otherwise. The functions take no lock that is held while
 * something sleeps.
 */
#ifndef KPPROF_BLOCKS_H
#define KPPROF_BLOCKS_H

#include <linux/atomic.h>
#include <linux/hash.h>
#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/types.h>

#define KPPROF_BLOCKS_BITS  14
#define KPPROF_BLOCKS_LOCKS 64

/**
 * struct kpprof_blocks - a table
 * @heads: chains, changed under the lock of each, read under RCU
 * @locks: chain i has lock i % KPPROF_BLOCKS_LOCKS
 * @n: blocks
 */
struct kpprof_blocks {
	struct hlist_head *heads;
	spinlock_t locks[KPPROF_BLOCKS_LOCKS];
	atomic_t n;
};

/**
 * struct kpprof_block_key - which block
 * @owner: whose memory; only compared
 * @ptr: address
 */
struct kpprof_block_key {
	const void *owner;
	u64 ptr;
};

/** kpprof_blocks_init() - an empty table; 0 or -ENOMEM */
int kpprof_blocks_init(struct kpprof_blocks *b);

/** kpprof_blocks_deinit() - free it; nobody uses it any more */
void kpprof_blocks_deinit(struct kpprof_blocks *b);

/** kpprof_blocks_chain() - of a key. Context: any */
static inline u32 kpprof_blocks_chain(const struct kpprof_block_key *key)
{
	/* Two words are what allocators align to. */
	return hash_64((key->ptr >> 4) ^ (u64)(unsigned long)key->owner, KPPROF_BLOCKS_BITS);
}

/** kpprof_blocks_maybe() - false when there is certainly no such block. Context: any */
static inline bool kpprof_blocks_maybe(const struct kpprof_blocks *b,
				       const struct kpprof_block_key *key)
{
	return !hlist_empty(&b->heads[kpprof_blocks_chain(key)]);
}

/** kpprof_blocks_find() - its number, or 0 for none. Context: any */
u64 kpprof_blocks_find(const struct kpprof_blocks *b, const struct kpprof_block_key *key);

/**
 * kpprof_blocks_take() - remove a block
 * @seq: only if it has this number; 0 for whatever it has
 *
 * Return: its number; 0 when there was none.
 */
u64 kpprof_blocks_take(struct kpprof_blocks *b, const struct kpprof_block_key *key, u64 seq);

/**
 * kpprof_blocks_add() - a block has an address
 * @seq: its number
 * @inner: another call of the same thread may have the same block for its result
 * @old: out: number of the block that was thought to be there, 0 for none
 * @missed: out: that one was no @inner one: its end was not seen
 *
 * Return: 0; -ENOSPC for one more than KPPROF_HEAP_LIVE_MAX; -ENOMEM.
 */
int kpprof_blocks_add(struct kpprof_blocks *b, const struct kpprof_block_key *key, u64 seq,
		      bool inner, u64 *old, bool *missed);

/** kpprof_blocks_forget() - remove all of an owner */
void kpprof_blocks_forget(struct kpprof_blocks *b, const void *owner);

/**
 * kpprof_blocks_list() - numbers of blocks
 * @chain: in: first chain to look at; out: first one that was not looked at
 * @seqs: out
 * @max: room; a chain that has more is cut
 *
 * Return: how many there are.
 */
u32 kpprof_blocks_list(const struct kpprof_blocks *b, u32 *chain, u64 *seqs, u32 max);

#endif /* KPPROF_BLOCKS_H */
