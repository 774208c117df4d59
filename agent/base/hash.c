// SPDX-License-Identifier: GPL-2.0-or-later
#include "hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

void intern_deinit(struct intern *t)
{
	buf_deinit(&t->keys);
	free(t->ends);
	free(t->slots);
	*t = (struct intern){.keys.max = t->keys.max};
}

/* Eight bytes at a time, folded so that the low bits depend on all. */
static uint64_t mix(uint64_t h, uint64_t word)
{
	h = hash_u64(h ^ word);
	return h ^ (h >> 32);
}

static uint32_t hash_bytes(const void *key, size_t len)
{
	const unsigned char *p = key;
	uint64_t h = len, word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		h = mix(h, word);
	}
	if (len) {
		word = 0;
		memcpy(&word, p, len);
		h = mix(h, word);
	}
	return (uint32_t)mix(h, 0);
}

const void *intern_key(const struct intern *t, uint32_t i, size_t *len)
{
	size_t from = i ? t->ends[i - 1] : 0;

	if (len)
		*len = t->ends[i] - from;
	return t->keys.data ? t->keys.data + from : "";
}

static bool key_is(const struct intern *t, uint32_t i, const void *key, size_t len)
{
	size_t have;
	const void *k = intern_key(t, i, &have);

	return have == len && memcmp(k, key, len) == 0;
}

/* The slot of a key: its own, or the empty one where it belongs. */
static uint32_t slot_of(const struct intern *t, const void *key, size_t len)
{
	uint32_t s = hash_bytes(key, len) & (t->nslots - 1);

	while (t->slots[s] && !key_is(t, t->slots[s] - 1, key, len))
		s = (s + 1) & (t->nslots - 1);
	return s;
}

static int grow(struct intern *t)
{
	uint32_t nslots = t->nslots ? t->nslots * 2 : 64;
	uint32_t *slots;
	size_t *ends;

	if (nslots > 1u << 30)
		return -EFBIG;
	ends = reallocarray(t->ends, nslots / 2, sizeof(*ends));
	if (!ends)
		return -ENOMEM;
	t->ends = ends;
	slots = calloc(nslots, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	free(t->slots);
	t->slots = slots;
	t->nslots = nslots;
	for (uint32_t i = 0; i < t->n; i++) {
		size_t len;
		const void *key = intern_key(t, i, &len);

		t->slots[slot_of(t, key, len)] = i + 1;
	}
	return 0;
}

int64_t intern_find(const struct intern *t, const void *key, size_t len)
{
	uint32_t s;

	if (!t->nslots)
		return -ENOENT;
	s = slot_of(t, key, len);
	return t->slots[s] ? (int64_t)t->slots[s] - 1 : -ENOENT;
}

int64_t intern_add(struct intern *t, const void *key, size_t len)
{
	uint32_t s = 0;
	int err;

	if (t->nslots) {
		s = slot_of(t, key, len);
		if (t->slots[s])
			return (int64_t)t->slots[s] - 1;
	}
	if (t->n >= t->nslots / 2) {
		err = grow(t);
		if (err)
			return err;
		s = slot_of(t, key, len);
	}
	buf_append(&t->keys, key, len);
	if (t->keys.error) {
		err = t->keys.error;
		t->keys.error = 0;
		return err;
	}
	t->ends[t->n] = t->keys.len;
	t->slots[s] = t->n + 1;
	return t->n++;
}

size_t intern_bytes(const struct intern *t)
{
	return t->keys.cap + t->nslots * (sizeof(*t->slots) + sizeof(*t->ends) / 2);
}
