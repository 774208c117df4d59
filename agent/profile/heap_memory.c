// SPDX-License-Identifier: GPL-2.0-or-later
#include "heap_memory.h"

#include <string.h>

#include "../base/buf.h"
#include "../engine/find.h"

/* Label of what is in the profile and was not seen to be allocated: where it is known from. */
static const char key_memory[] = "memory";

static void read_residence(const struct cumulative *c, struct residence *r)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *pid;

	*r = (struct residence){0};
	/* Of a whole box it would take seconds to read. */
	if (c->armed.spec.target.kind == TARGET_BOX || find_processes(&c->armed.spec.target, &pids))
		return;
	pid = (const pid_t *)(const void *)pids.data;
	/* One that is gone has no memory. */
	for (size_t i = 0; i < pids.len / sizeof(*pid); i++)
		residence_read(pid[i], r);
}

void heap_memory_begin(const struct cumulative *c, struct heap_memory *m)
{
	read_residence(c, &m->first);
}

static void add(struct cumulative *c, const char *frame, const char *how, double bytes)
{
	const struct profile_label label = cumulative_label(c, key_memory, how);
	const double values[] = {0, 0, 1, bytes};
	uint32_t sample;

	if (bytes < 1 && bytes > -1)
		return;
	sample = cumulative_synthetic(c, frame, &label, 1);
	cumulative_open(c, sample, sample, values, values);
}

/*
 * Of the heap's mappings that is what was there when it was armed, as far as it can still be there,
 * and beyond that what the allocator keeps for itself. Blocks that nobody has written to are in use
 * and not in RAM.
 */
void heap_memory_add(struct cumulative *c, struct heap_memory *m, const char *rest)
{
	struct residence *r = &m->last;
	double left, before;

	read_residence(c, r);
	left = (double)r->heap - m->live;
	before = (double)m->first.heap < left ? (double)m->first.heap : left;
	add(c, "[thread stacks]", "measured", (double)r->stacks);
	add(c, "[mmap file]", "measured", (double)r->files);
	if (left >= 0) {
		add(c, "[heap before capture]", "inferred", before);
		add(c, rest, "inferred", left - before);
	} else {
		add(c, "[allocated, not resident]", "inferred", left);
	}
}

void heap_memory_comment(const struct heap_memory *m, struct profile *p)
{
	const struct residence *r = &m->last;

	profile_comment(p,
			"resident anonymous memory: %llu bytes: heap %llu, thread stacks %llu, "
			"copied pages of files %llu",
			(unsigned long long)(r->heap + r->stacks + r->files),
			(unsigned long long)r->heap, (unsigned long long)r->stacks,
			(unsigned long long)r->files);
	profile_comment(p,
			"seen to be allocated, and in use: %.0f bytes, estimated from samples; "
			"[thread stacks] and [mmap file] are measured (smaps); other frames in "
			"brackets are inferred from what is left",
			m->live);
}

bool heap_memory_keep(const struct cumulative *c, const struct profile_label *labels, size_t n,
		      uint64_t filter)
{
	for (size_t i = 0; i < n && filter; i++) {
		size_t len;
		const char *key = intern_key(&c->profile.strings, labels[i].key, &len);

		if (len == strlen(key_memory) && memcmp(key, key_memory, len) == 0)
			return false;
	}
	return true;
}
