/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is in a bundle, and what its README says of it. Private to bundle.c. */
#ifndef KPPROF_BUNDLE_PARTS_H
#define KPPROF_BUNDLE_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct armed_kind;
struct armed_list;
struct buf;
struct target;

/* When a part is asked for: as the first thing; in the middle, while everything is hooked; when
 * all of those are answered. */
enum bundle_phase { BUNDLE_START, BUNDLE_MIDDLE, BUNDLE_END };

/**
 * struct bundle_part - an answer of this server that becomes a file
 * @file: name in the archive
 * @path: what is asked for, behind the target's prefix if @of_target
 * @seconds: it takes so long as the bundle: ?seconds= follows
 * @kind: it is a total, which says something only if the kind was armed before; NULL otherwise
 * @about: for the README
 */
struct bundle_part {
	const char *file;
	const char *path;
	enum bundle_phase phase;
	bool of_target;
	bool seconds;
	const struct armed_kind *kind;
	const char *about;
};

/* How many there are is a number of bits. */
enum { BUNDLE_PARTS_MAX = 32 };

/** bundle_parts() - all of them; @n: how many, at most BUNDLE_PARTS_MAX */
const struct bundle_part *bundle_parts(size_t *n);

/** bundle_wanted() - bits of those that make sense for a target now */
uint32_t bundle_wanted(const struct armed_list *armed, const struct target *target);

/** bundle_readme() - append what README.txt says */
void bundle_readme(const struct target *target, const char *prefix, int64_t seconds,
		   struct buf *out);

#endif /* KPPROF_BUNDLE_PARTS_H */
