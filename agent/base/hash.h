/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hash_u64() spreads a number. An intern table: byte strings to small numbers. Equal keys get the
 * same number; numbers run from 0 in the order of first appearance, so that what belongs to a key
 * can live in a plain array beside it.
 */
#ifndef KPPROF_HASH_H
#define KPPROF_HASH_H

#include <stdint.h>
#include <stddef.h>

#include "buf.h"

/** hash_u64() - Fibonacci hashing (Knuth, volume 3, 6.4): 2^64 over the golden ratio; the high bits
 * are the good ones */
static inline uint64_t hash_u64(uint64_t n)
{
	return n * 0x9e3779b97f4a7c15u;
}

/**
 * struct intern - a set of byte strings with numbers; all zero is an empty one
 * @keys: all keys, one behind the other; buf_error() of it is the table's error
 * @ends: end of each key in @keys
 * @slots: number + 1 of the key that hashes there, 0 for none
 * @nslots: a power of two, or 0
 * @n: keys
 */
struct intern {
	struct buf keys;
	size_t *ends;
	uint32_t *slots;
	uint32_t nslots;
	uint32_t n;
};

/** intern_deinit() - free all and make the table empty again */
void intern_deinit(struct intern *t);

/**
 * intern_add() - the number of a key, new or old
 * @t: the table
 * @key: copied when it is new
 * @len: bytes
 *
 * Return: the number, or -ENOMEM, -EFBIG (keys.max) with the table as it was.
 */
int64_t intern_add(struct intern *t, const void *key, size_t len);

/** intern_find() - the number of a key, or -ENOENT */
int64_t intern_find(const struct intern *t, const void *key, size_t len);

/** intern_key() - the bytes of key @i, which must be below @t->n; valid until the next intern_add()
 */
const void *intern_key(const struct intern *t, uint32_t i, size_t *len);

/** intern_bytes() - what the table occupies on the heap */
size_t intern_bytes(const struct intern *t);

#endif /* KPPROF_HASH_H */
