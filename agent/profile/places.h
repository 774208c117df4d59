/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From addresses in processes to locations of a profile. One mapping stands for an image in all
 * processes, at the addresses of the first one that was seen: so the profile of many processes is
 * no larger than that of one, and equal code is equal.
 */
#ifndef KPPROF_PLACES_H
#define KPPROF_PLACES_H

#include <stdint.h>
#include <sys/types.h>

#include "../base/hash.h"
#include "model.h"

struct image;
struct maps;
struct process;

enum place_kind { PLACE_IMAGE, PLACE_ANON, PLACE_KERNEL, PLACE_MODULE, PLACE_KERNEL_OTHER };

/**
 * struct place - what a mapping of the profile came from; profile_mapping.ref points to one
 * @kind: what it is
 * @image: for PLACE_IMAGE; one reference
 * @pid: for PLACE_ANON, whose memory it is
 */
struct place {
	enum place_kind kind;
	struct image *image;
	pid_t pid;
};

/* CPU time by main program, to choose the one that the profile is named after. */
struct place_main {
	struct image *image;
	uint64_t weight;
	uint32_t mapping;
};

/* A mapping of an image that was looked up lately; @image is 0 for an empty slot. */
struct place_recent {
	uint64_t image;
	uint64_t offset;
	uint32_t mapping;
};

enum { PLACES_RECENT_BITS = 7 };

/**
 * struct places - the mappings of a profile by what they came from
 * @profile: whose locations are made
 * @keys: intern table; number = index of the mapping
 * @modules: struct place_module, see places.c
 * @mains: struct place_main
 * @recent: images and offsets that were looked up lately, and their mappings, by a hash
 * @found: where in the mappings of a process the last address was
 */
struct places {
	struct profile *profile;
	struct intern keys;
	struct buf modules;
	struct buf mains;
	struct place_recent recent[1 << PLACES_RECENT_BITS];
	uint32_t found;
};

/** places_init() - nothing seen yet */
void places_init(struct places *pl, struct profile *profile);

/** places_deinit() - give back the images; before profile_deinit() */
void places_deinit(struct places *pl);

/** places_user() - location of a user address in @maps of process @pid; synthetic where nothing is
 * mapped; -ENOMEM */
int64_t places_user(struct places *pl, pid_t pid, const struct maps *maps, uint64_t addr);

/** places_kernel() - location of a kernel address; -ENOMEM */
int64_t places_kernel(struct places *pl, uint64_t addr);

/**
 * places_copy() - a location of another profile in this one
 * @pl: where to
 * @from: places of the profile that has the location
 * @location: its number there
 *
 * Return: its number here; -ENOMEM, or -EFBIG when the profile is full.
 */
int64_t places_copy(struct places *pl, const struct places *from, uint32_t location);

/** places_weigh() - @process used @weight of what the profile is about */
void places_weigh(struct places *pl, const struct process *process, const struct maps *maps,
		  uint64_t weight);

/** places_choose_main() - make the program that weighs most the profile's first mapping */
void places_choose_main(struct places *pl);

#endif /* KPPROF_PLACES_H */
