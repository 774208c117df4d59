/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a heap profile and was not seen to be allocated: the process's other memory. */
#ifndef KPPROF_HEAP_MEMORY_H
#define KPPROF_HEAP_MEMORY_H

#include "../heap/residence.h"
#include "cumulative.h"

/* The fields of struct cumulative_kind for a heap's four values, as Go names them. */
#define HEAP_VALUES                           \
	.types = {{"alloc_objects", "count"}, \
		  {"alloc_space", "bytes"},   \
		  {"inuse_objects", "count"}, \
		  {"inuse_space", "bytes"}},  \
	.nvalues = 4, .period_type = {"space", "bytes"}, .gauges = 1 << 2 | 1 << 3

/**
 * struct heap_memory - memory of the processes of a profile
 * @first: when it was armed
 * @last: at the last flush
 * @live: bytes in use that were seen to be allocated
 */
struct heap_memory {
	struct residence first;
	struct residence last;
	double live;
};

/** heap_memory_begin() - see what there is when the profile is armed */
void heap_memory_begin(const struct cumulative *c, struct heap_memory *m);

/**
 * heap_memory_add() - at a flush: frames in brackets, so that all that is in use is what is in RAM
 * @rest: name of what grew since then and was not seen
 */
void heap_memory_add(struct cumulative *c, struct heap_memory *m, const char *rest);

/** heap_memory_comment() - what of it is measured, and what inferred */
void heap_memory_comment(const struct heap_memory *m, struct profile *p);

/** heap_memory_keep() - for @keep of a view: with @filter 1, only what was seen to be allocated */
bool heap_memory_keep(const struct cumulative *c, const struct profile_label *labels, size_t n,
		      uint64_t filter);

#endif /* KPPROF_HEAP_MEMORY_H */
