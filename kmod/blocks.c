// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "../uapi/kpprof.h"
#include "blocks.h"

#define CHAINS (1u << KPPROF_BLOCKS_BITS)

/**
 * struct block - one that is live
 * @node: in its chain
 * @key: which
 * @seq: number
 * @inner: see kpprof_blocks_add()
 * @rcu: its end
 */
struct block {
	struct hlist_node node;
	struct kpprof_block_key key;
	u64 seq;
	bool inner;
	struct rcu_head rcu;
};

int kpprof_blocks_init(struct kpprof_blocks *b)
{
	size_t i;

	b->heads = kvcalloc(CHAINS, sizeof(*b->heads), GFP_KERNEL);
	if (!b->heads)
		return -ENOMEM;
	for (i = 0; i < KPPROF_BLOCKS_LOCKS; i++)
		spin_lock_init(&b->locks[i]);
	return 0;
}

static spinlock_t *lock_of(struct kpprof_blocks *b, u32 chain)
{
	return &b->locks[chain % KPPROF_BLOCKS_LOCKS];
}

static struct block *find(struct hlist_head *head, const struct kpprof_block_key *key)
{
	struct block *block;

	hlist_for_each_entry_rcu(block, head, node,
				 1) if (block->key.ptr == key->ptr &&
					block->key.owner == key->owner) return block;
	return NULL;
}

/* Under the chain's lock. */
static void unlink(struct kpprof_blocks *b, struct block *block)
{
	hlist_del_rcu(&block->node);
	atomic_dec(&b->n);
	kfree_rcu(block, rcu);
}

/* @owner: NULL for all. */
static void forget(struct kpprof_blocks *b, const void *owner)
{
	struct hlist_node *next;
	struct block *block;
	u32 i;

	for (i = 0; i < CHAINS && atomic_read(&b->n); i++) {
		if (hlist_empty(&b->heads[i]))
			continue;
		spin_lock(lock_of(b, i));
		hlist_for_each_entry_safe(block, next, &b->heads[i],
					  node) if (!owner || block->key.owner == owner)
			unlink(b, block);
		spin_unlock(lock_of(b, i));
		cond_resched();
	}
}

void kpprof_blocks_forget(struct kpprof_blocks *b, const void *owner)
{
	forget(b, owner);
}

void kpprof_blocks_deinit(struct kpprof_blocks *b)
{
	if (!b->heads)
		return;
	forget(b, NULL);
	kvfree(b->heads);
	b->heads = NULL;
}

u64 kpprof_blocks_find(const struct kpprof_blocks *b, const struct kpprof_block_key *key)
{
	const struct block *block;
	u64 seq;

	rcu_read_lock();
	block = find(&b->heads[kpprof_blocks_chain(key)], key);
	seq = block ? block->seq : 0;
	rcu_read_unlock();
	return seq;
}

u64 kpprof_blocks_take(struct kpprof_blocks *b, const struct kpprof_block_key *key, u64 seq)
{
	u32 chain = kpprof_blocks_chain(key);
	struct block *block;
	u64 took = 0;

	spin_lock(lock_of(b, chain));
	block = find(&b->heads[chain], key);
	if (block && (!seq || block->seq == seq)) {
		took = block->seq;
		unlink(b, block);
	}
	spin_unlock(lock_of(b, chain));
	return took;
}

int kpprof_blocks_add(struct kpprof_blocks *b, const struct kpprof_block_key *key, u64 seq,
		      bool inner, u64 *old, bool *missed)
{
	u32 chain = kpprof_blocks_chain(key);
	struct block *fresh, *have;
	int err = 0;

	*old = 0;
	*missed = false;
	fresh = kmalloc(sizeof(*fresh), GFP_KERNEL | __GFP_NOWARN);
	if (fresh)
		*fresh = (struct block){.key = *key, .seq = seq, .inner = inner};
	spin_lock(lock_of(b, chain));
	have = find(&b->heads[chain], key);
	if (have) {
		*old = have->seq;
		*missed = !have->inner;
		unlink(b, have);
	}
	if (!fresh) {
		err = -ENOMEM;
	} else if (atomic_inc_return(&b->n) > KPPROF_HEAP_LIVE_MAX) {
		atomic_dec(&b->n);
		err = -ENOSPC;
	} else {
		hlist_add_head_rcu(&fresh->node, &b->heads[chain]);
	}
	spin_unlock(lock_of(b, chain));
	if (err)
		kfree(fresh);
	return err;
}

u32 kpprof_blocks_list(const struct kpprof_blocks *b, u32 *chain, u64 *seqs, u32 max)
{
	const struct block *block;
	u32 n = 0, from;

	rcu_read_lock();
	for (; *chain < CHAINS; (*chain)++) {
		from = n;
		hlist_for_each_entry_rcu(block, &b->heads[*chain], node)
		{
			if (n < max)
				seqs[n] = block->seq;
			n++;
		}
		if (n <= max)
			continue;
		/* It is begun with in the next list, unless it is longer than a list. */
		n = from ? from : max;
		*chain += !from;
		break;
	}
	rcu_read_unlock();
	return n;
}
