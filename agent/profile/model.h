/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A profile while it is made: stacks of locations with labels and values, each stored once. What
 * the locations are called is filled in later (resolve.c), and proto.c writes it.
 */
#ifndef KPPROF_MODEL_H
#define KPPROF_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/hash.h"

enum {
	PROFILE_VALUES_MAX = 4,
	PROFILE_LABELS_MAX = 8,
	PROFILE_STACK_MAX = 512,
	PROFILE_LINES_MAX = 128, /* functions at one location */
};

/* For locations without a mapping: synthetic frames such as [truncated: ...]. */
#define PROFILE_NO_MAPPING UINT32_MAX

/**
 * struct profile_mapping - one executable mapping, whole
 * @start: first address
 * @limit: first address after it
 * @offset: file offset of @start
 * @file: path or name in brackets; owned
 * @build_id: lower-case hexadecimal or ""; owned
 * @has_functions: the flags of profile.proto's Mapping
 * @has_filenames: same
 * @has_lines: same
 * @has_inlines: same
 * @ref: for the owner of the profile: what the mapping came from
 */
struct profile_mapping {
	uint64_t start;
	uint64_t limit;
	uint64_t offset;
	char *file;
	char *build_id;
	bool has_functions;
	bool has_filenames;
	bool has_lines;
	bool has_inlines;
	void *ref;
};

/* One function at a location, innermost inlined one first; strings are indexes into
 * profile.strings. */
struct profile_line {
	uint32_t name;
	uint32_t file;
	int64_t line;
	int64_t start_line;
};

/* What a location is told apart by. */
struct profile_location_key {
	uint64_t addr;
	uint32_t mapping; /* index, or PROFILE_NO_MAPPING */
	uint32_t name;	  /* string, for synthetic frames; 0 otherwise */
};

/* A location that was asked for lately; @number is 0 for an empty slot, else its number + 1. */
struct profile_recent {
	uint64_t addr;
	uint32_t mapping;
	uint32_t number;
};

enum { PROFILE_RECENT_BITS = 10 };

/* Lines of a location: a range in profile.lines. */
struct profile_location_lines {
	uint32_t first;
	uint32_t n;
};

/* A label; exactly one of str (string index, not 0) and num counts. */
struct profile_label {
	uint32_t key;
	uint32_t str;
	int64_t num;
};

struct profile_value_type {
	const char *type;
	const char *unit;
};

/**
 * struct profile - see the top of this file; made by profile_init(), the rest is private to
 * profile/
 * @sample_types: what values mean, @nvalues of them
 * @period_type: and @period: the distance between samples
 * @default_type: default_sample_type, NULL for none
 * @drop_frames: drop_frames: a regular expression for functions that readers leave out, with all
 *	that they call; NULL for none
 * @time_ns: start, nanoseconds since 1970
 * @duration_ns: 0 for none
 */
struct profile {
	struct profile_value_type sample_types[PROFILE_VALUES_MAX];
	unsigned int nvalues;
	struct profile_value_type period_type;
	int64_t period;
	const char *default_type;
	const char *drop_frames;
	int64_t time_ns;
	int64_t duration_ns;

	struct intern strings;	   /* string 0 is "" */
	struct intern locations;   /* keys: struct profile_location_key */
	struct intern stacks;	   /* keys: uint32_t location numbers, leaf first */
	struct intern labels;	   /* keys: struct profile_label, sorted by key string number */
	struct intern samples;	   /* keys: uint32_t stack, uint32_t labels */
	struct buf values;	   /* int64_t, nvalues for each sample */
	struct buf mappings;	   /* struct profile_mapping */
	struct buf location_lines; /* struct profile_location_lines for each location */
	struct buf lines;	   /* struct profile_line */
	struct intern comments;	   /* texts, each once; not among @strings */
	struct profile_recent recent[1 << PROFILE_RECENT_BITS]; /* by a hash of the address */
	uint32_t main_mapping; /* index, or PROFILE_NO_MAPPING while none was chosen */
	size_t max_bytes;
};

/**
 * profile_init() - an empty profile
 * @p: the caller's storage
 * @max_bytes: new locations and samples that would take profile_bytes() over this are refused;
 * those that exist still count. Strings, names, mappings and synthetic frames are never refused: a
 * full profile can still be completed. 0 for no limit.
 *
 * The caller sets sample_types, nvalues and the rest of the public fields before the first sample.
 *
 * Return: 0 or -ENOMEM.
 */
int profile_init(struct profile *p, size_t max_bytes);

/** profile_deinit() - free everything in it */
void profile_deinit(struct profile *p);

/** profile_string() - number of a string (NULL is ""), or -ENOMEM */
int64_t profile_string(struct profile *p, const char *s);

/**
 * profile_mapping_add() - one more mapping
 * @m: copied; strings are copied too
 *
 * Return: its index or -ENOMEM. The mapping at index 0 is what pprof calls the main program: see
 * profile_mapping_main().
 */
int64_t profile_mapping_add(struct profile *p, const struct profile_mapping *m);

/** profile_mapping() - look at, or fill in, mapping @i; valid until the next profile_mapping_add()
 */
struct profile_mapping *profile_mapping(struct profile *p, uint32_t i);

/** profile_nmappings() - how many there are */
uint32_t profile_nmappings(const struct profile *p);

/** profile_mapping_main() - mapping @i is written first, whatever its index, and even if no sample
 * is in it */
void profile_mapping_main(struct profile *p, uint32_t i);

/**
 * profile_location() - number of the location at @addr in a mapping
 * @p: the profile
 * @mapping: index or PROFILE_NO_MAPPING; when @addr is not inside the mapping it counts as no
 * mapping
 * @addr: leaf pc, or return address - 1
 *
 * Return: the number, -ENOMEM, -EFBIG when the profile is full, -EINVAL when there is no such
 * mapping.
 */
int64_t profile_location(struct profile *p, uint32_t mapping, uint64_t addr);

/** profile_synthetic() - number of the location of a synthetic frame such as "[lost samples]", or
 * -ENOMEM */
int64_t profile_synthetic(struct profile *p, const char *name);

/**
 * profile_add() - add to a sample
 * @p: the profile
 * @stack: location numbers, leaf first; at least one
 * @depth: how many, at most PROFILE_STACK_MAX
 * @labels: in any order, keys distinct
 * @nlabels: how many, at most PROFILE_LABELS_MAX
 * @values: p->nvalues of them
 *
 * Values of the same stack and labels add up, and stop at the ends of int64_t. An error changes no
 * sample.
 *
 * Return: 0, -ENOMEM, -EFBIG when the profile is full, -EINVAL.
 */
int profile_add(struct profile *p, const uint32_t *stack, unsigned int depth,
		const struct profile_label *labels, unsigned int nlabels, const int64_t *values);

/**
 * profile_sample() - the number of a sample, new or old, as profile_add() finds it
 *
 * Numbers run from 0; a new sample has the value 0, and is not written while it has.
 *
 * Return: the number, or the errors of profile_add().
 */
int64_t profile_sample(struct profile *p, const uint32_t *stack, unsigned int depth,
		       const struct profile_label *labels, unsigned int nlabels);

/** profile_count() - add @values to sample number @sample, up to the ends of int64_t */
void profile_count(struct profile *p, uint32_t sample, const int64_t *values);

/** profile_labels() - labels of sample number @sample, sorted by their keys' numbers */
const struct profile_label *profile_labels(const struct profile *p, uint32_t sample, size_t *n);

/** profile_stack() - locations of sample number @sample, leaf first */
const uint32_t *profile_stack(const struct profile *p, uint32_t sample, size_t *depth);

/** profile_values() - values of sample number @sample */
const int64_t *profile_values(const struct profile *p, uint32_t sample);

/** profile_comment() - a line for people, each text once; 0 or -ENOMEM */
__attribute__((format(printf, 2, 3))) int profile_comment(struct profile *p, const char *fmt, ...);

/**
 * profile_name() - name a location: the functions there, innermost first; replaces earlier ones
 * @p: the profile
 * @location: its number
 * @lines: those with name 0 are skipped; of more than PROFILE_LINES_MAX the first ones and the last
 * are kept
 * @n: how many; 0 makes the location nameless again
 *
 * Return: 0, -ENOMEM, or -EINVAL when a location or string does not exist.
 */
int profile_name(struct profile *p, uint32_t location, const struct profile_line *lines,
		 uint32_t n);

/** profile_location_get() - what location @i is */
struct profile_location_key profile_location_get(const struct profile *p, uint32_t i);

/**
 * profile_location_name() - the innermost function at location @i
 * @len: out: bytes of the name, which is not terminated
 *
 * Return: the name, valid until the next profile_string(); NULL when the location has none.
 */
const char *profile_location_name(const struct profile *p, uint32_t i, size_t *len);

/**
 * profile_location_lines() - the functions at location @i, innermost first
 * @n: out: how many, 0 when it has no name
 *
 * Return: valid until the next profile_name().
 */
const struct profile_line *profile_location_lines(const struct profile *p, uint32_t i, uint32_t *n);

/** profile_text() - string number @i; not terminated; valid until the next profile_string() */
const char *profile_text(const struct profile *p, uint32_t i, size_t *len);

/** profile_bytes() - what the profile occupies on the heap */
size_t profile_bytes(const struct profile *p);

#endif /* KPPROF_MODEL_H */
