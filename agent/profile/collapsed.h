/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A profile by the names of functions alone, as flame graphs and tables show it: inlined calls are
 * frames of their own, addresses and lines are gone, equal stacks are one.
 */
#ifndef KPPROF_COLLAPSED_H
#define KPPROF_COLLAPSED_H

#include <stdint.h>

#include "../base/buf.h"
#include "../base/hash.h"

struct profile;

/* Frames of one stack; of deeper ones the innermost are kept, below a frame that says so. */
enum { COLLAPSED_DEPTH_MAX = 1024 };

/**
 * struct collapsed - see the top of this file
 * @names: names of functions, demangled
 * @stacks: keys: uint32_t numbers of names, outermost first
 * @values: int64_t for each stack
 * @total: their sum
 */
struct collapsed {
	struct intern names;
	struct intern stacks;
	struct buf values;
	int64_t total;
};

/**
 * collapsed_init() - collapse a profile whose locations have their names
 * @c: the caller's storage, to be given to collapsed_deinit() also after an error
 * @p: profile
 * @value: which of its values, less than p->nvalues
 *
 * Return: 0 or -ENOMEM.
 */
int collapsed_init(struct collapsed *c, const struct profile *p, unsigned int value);

/** collapsed_deinit() - free everything */
void collapsed_deinit(struct collapsed *c);

/** collapsed_value() - of stack @i */
int64_t collapsed_value(const struct collapsed *c, uint32_t i);

/** collapsed_stack() - names of stack @i, outermost first, @depth of them */
const uint32_t *collapsed_stack(const struct collapsed *c, uint32_t i, uint32_t *depth);

/** collapsed_folded() - append a line "outer;inner VALUE" for each stack, as flamegraph.pl reads it
 */
void collapsed_folded(const struct collapsed *c, struct buf *out);

#endif /* KPPROF_COLLAPSED_H */
