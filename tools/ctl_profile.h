/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A profile in a file (github.com/google/pprof, proto/profile.proto), into which better names are
 * put. All that is not a name stays byte for byte what it was.
 */
#ifndef KPPROF_CTL_PROFILE_H
#define KPPROF_CTL_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../agent/base/buf.h"
#include "../agent/image/names.h"

/**
 * struct ctl_mapping - a mapping of the profile
 * @id: as locations name it
 * @file: path on the box, printable
 * @build_id: lower-case hexadecimal, "" for none
 * @named: the box knew all names
 * @names: block for names_map(), empty when there are no better ones
 * @offsets: uint64_t: file offsets of its locations, in their order
 */
struct ctl_mapping {
	uint64_t id;
	uint64_t start;
	uint64_t offset;
	char file[256];
	char build_id[130];
	bool named;
	struct buf names;
	struct buf offsets;
};

/**
 * struct ctl_profile - a profile
 * @mappings: struct ctl_mapping
 * @raw: the message, not compressed
 * @strings: byte ranges of its texts
 */
struct ctl_profile {
	struct buf mappings;
	struct buf raw;
	struct buf strings;
	uint64_t last_function;
};

/** ctl_profile_load() - read a file, compressed or not; @p is all zero; 0, -EBADMSG or -errno */
int ctl_profile_load(struct ctl_profile *p, const char *path);

/** ctl_profile_mappings() - all of them; @n: how many */
struct ctl_mapping *ctl_profile_mappings(const struct ctl_profile *p, size_t *n);

/** ctl_profile_save() - write it, compressed, with the names of its mappings; 0 or -errno */
int ctl_profile_save(const struct ctl_profile *p, const char *path);

/** ctl_profile_deinit() - free all */
void ctl_profile_deinit(struct ctl_profile *p);

#endif /* KPPROF_CTL_PROFILE_H */
