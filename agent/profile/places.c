// SPDX-License-Identifier: GPL-2.0-or-later
#include "places.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/hash.h"
#include "../engine/process.h"
#include "../image/maps.h"
#include "../image/store.h"

/* A loaded kernel module: where its memory is. */
struct place_module {
	uint64_t start;
	uint64_t end;
	char name[64];
};

/*
 * Where modules, BPF programs and trampolines begin on x86-64
 * (Documentation/arch/x86/x86_64/mm.rst); the kernel proper lies below.
 */
#define KERNEL_MODULES_START 0xffffffffc0000000ull

/* What tells one mapping of the profile from another; unused parts are zero. */
struct key {
	uint64_t image;
	uint64_t offset;
	uint64_t start;
	uint64_t pid;
};

void places_init(struct places *pl, struct profile *profile)
{
	*pl = (struct places){.profile = profile};
}

void places_deinit(struct places *pl)
{
	for (uint32_t i = 0; i < profile_nmappings(pl->profile); i++) {
		struct profile_mapping *m = profile_mapping(pl->profile, i);
		struct place *place = m->ref;

		if (place)
			image_put(place->image);
		free(place);
		m->ref = NULL;
	}
	for (size_t i = 0; i < pl->mains.len / sizeof(struct place_main); i++)
		image_put(((struct place_main *)pl->mains.data)[i].image);
	buf_deinit(&pl->mains);
	buf_deinit(&pl->modules);
	intern_deinit(&pl->keys);
}

static int64_t add_mapping(struct places *pl, const struct key *key, struct profile_mapping *m,
			   enum place_kind kind, struct image *image)
{
	int64_t known = intern_find(&pl->keys, key, sizeof(*key)), i;
	struct place *place;

	if (known >= 0)
		return known;
	place = malloc(sizeof(*place));
	if (!place)
		return -ENOMEM;
	*place = (struct place){.kind = kind, .pid = (pid_t)key->pid};
	m->ref = place;
	i = intern_add(&pl->keys, key, sizeof(*key));
	if (i >= 0)
		i = profile_mapping_add(pl->profile, m);
	if (i < 0)
		free(place);
	else if (image)
		place->image = image_ref(image);
	return i;
}

static struct place_recent *recent_of(struct places *pl, const struct image *image, uint64_t offset)
{
	uint64_t hash = hash_u64((uintptr_t)image + offset);

	return &pl->recent[hash >> (64 - PLACES_RECENT_BITS)];
}

static int64_t add_image_mapping(struct places *pl, const struct kpprof_map *map,
				 struct image *image)
{
	const struct key key = {.image = (uintptr_t)image, .offset = map->offset};
	struct profile_mapping m = {
		.start = map->start,
		.limit = map->end,
		.offset = map->offset,
		.file = image->path,
		.build_id = image->build_id,
	};
	int64_t mapping = add_mapping(pl, &key, &m, PLACE_IMAGE, image);

	if (mapping >= 0)
		*recent_of(pl, image, map->offset) = (struct place_recent){
			.image = key.image,
			.offset = key.offset,
			.mapping = (uint32_t)mapping,
		};
	return mapping;
}

static int64_t image_mapping(struct places *pl, const struct kpprof_map *map, struct image *image)
{
	const struct place_recent *r = recent_of(pl, image, map->offset);

	/* The profile has a reference to the image, so that no other one has its address. */
	if (r->image == (uintptr_t)image && r->offset == map->offset)
		return r->mapping;
	return add_image_mapping(pl, map, image);
}

static int64_t anon_mapping(struct places *pl, pid_t pid, const struct kpprof_map *map)
{
	struct key key = {.start = map->start, .pid = (uint64_t)pid};
	struct profile_mapping m = {
		.start = map->start,
		.limit = map->end,
		.file = (char[]){"//anon"},
		.build_id = (char[]){""},
	};

	return add_mapping(pl, &key, &m, PLACE_ANON, NULL);
}

/* The mapping of an address, by way of the one before. */
static int64_t find_map(struct places *pl, const struct maps *maps, uint64_t addr)
{
	const struct kpprof_map *last = pl->found < maps->n ? &maps->walk[pl->found] : NULL;
	int64_t i;

	if (last && addr >= last->start && addr < last->end)
		return pl->found;
	i = maps_find(maps, addr);
	pl->found = i < 0 ? 0 : (uint32_t)i;
	return i;
}

int64_t places_user(struct places *pl, pid_t pid, const struct maps *maps, uint64_t addr)
{
	int64_t i = maps ? find_map(pl, maps, addr) : -ENOENT, mapping;
	const struct profile_mapping *m;

	if (i < 0)
		return profile_synthetic(pl->profile, "[unmapped]");
	mapping = maps->images[i] ? image_mapping(pl, &maps->walk[i], maps->images[i])
				  : anon_mapping(pl, pid, &maps->walk[i]);
	if (mapping < 0)
		return mapping;
	m = profile_mapping(pl->profile, (uint32_t)mapping);
	addr = addr - maps->walk[i].start + m->start;
	/* The same code is mapped further in another process: the mapping is as large as the
	 * largest. */
	if (addr >= m->limit)
		profile_mapping(pl->profile, (uint32_t)mapping)->limit = addr + 1;
	return profile_location(pl->profile, (uint32_t)mapping, addr);
}

/* "name size refs users state address", proc(5); read once a profile, when the first module is met.
 */
static void read_modules(struct places *pl)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/modules", "re");
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0) {
		struct place_module m = {0};
		unsigned long long start, size;

		if (sscanf(line, "%63s %llu %*s %*s %*s %llx", m.name, &size, &start) != 3 ||
		    !start)
			continue;
		m.start = start;
		m.end = start + size;
		buf_append(&pl->modules, &m, sizeof(m));
	}
	if (!pl->modules.len)
		buf_append(&pl->modules, &(struct place_module){0}, sizeof(struct place_module));
}

static const struct place_module *find_module(struct places *pl, uint64_t addr)
{
	const struct place_module *m;

	if (!pl->modules.len)
		read_modules(pl);
	m = (const void *)pl->modules.data;
	for (size_t i = 0; i < pl->modules.len / sizeof(*m); i++)
		if (addr >= m[i].start && addr < m[i].end)
			return &m[i];
	return NULL;
}

static int64_t module_mapping(struct places *pl, const struct place_module *mod)
{
	struct key key = {.start = mod->start};
	char name[sizeof(mod->name) + 2];
	struct profile_mapping m = {
		.start = mod->start,
		.limit = mod->end,
		.file = name,
		.build_id = (char[]){""},
	};

	snprintf(name, sizeof(name), "[%s]", mod->name);
	return add_mapping(pl, &key, &m, PLACE_MODULE, NULL);
}

int64_t places_kernel(struct places *pl, uint64_t addr)
{
	bool proper = addr < KERNEL_MODULES_START;
	const struct place_module *mod = proper ? NULL : find_module(pl, addr);
	struct key key = {.start = proper ? 1 : 2};
	struct profile_mapping m = {
		.start = addr,
		.limit = addr + 1,
		.file = proper ? (char[]){"[kernel.kallsyms]"}
			       : (char[]){"[kernel: generated code]"},
		.build_id = (char[]){""},
	};
	struct profile_mapping *have;
	int64_t i;

	i = mod ? module_mapping(pl, mod)
		: add_mapping(pl, &key, &m, proper ? PLACE_KERNEL : PLACE_KERNEL_OTHER, NULL);
	if (i < 0)
		return i;
	have = profile_mapping(pl->profile, (uint32_t)i);
	if (addr < have->start)
		have->start = addr;
	if (addr >= have->limit)
		have->limit = addr + 1;
	return profile_location(pl->profile, (uint32_t)i, addr);
}

/* The mapping of a location of another profile in this one. */
static int64_t copy_mapping(struct places *pl, const struct profile_mapping *m)
{
	const struct place *place = m->ref;
	const struct kpprof_map map = {.start = m->start, .end = m->limit, .offset = m->offset};

	if (place->kind == PLACE_IMAGE)
		return image_mapping(pl, &map, place->image);
	return anon_mapping(pl, place->pid, &map);
}

int64_t places_copy(struct places *pl, const struct places *from, uint32_t location)
{
	const struct profile_location_key key = profile_location_get(from->profile, location);
	const struct profile_mapping *m, *to;
	const struct place *place;
	int64_t mapping;
	uint64_t addr;

	if (key.mapping == PROFILE_NO_MAPPING) {
		size_t len;
		const char *s = profile_text(from->profile, key.name, &len);
		_cleanup_free_ char *name = strndup(s, len);

		return name ? profile_synthetic(pl->profile, name) : -ENOMEM;
	}
	m = profile_mapping(from->profile, key.mapping);
	place = m->ref;
	if (place->kind != PLACE_IMAGE && place->kind != PLACE_ANON)
		return places_kernel(pl, key.addr);
	mapping = copy_mapping(pl, m);
	if (mapping < 0)
		return mapping;
	to = profile_mapping(pl->profile, (uint32_t)mapping);
	addr = key.addr - m->start + to->start;
	if (addr >= to->limit)
		profile_mapping(pl->profile, (uint32_t)mapping)->limit = addr + 1;
	return profile_location(pl->profile, (uint32_t)mapping, addr);
}

void places_weigh(struct places *pl, const struct process *process, const struct maps *maps,
		  uint64_t weight)
{
	struct place_main *mains = (void *)pl->mains.data, add = {.image = process->main};
	size_t n = pl->mains.len / sizeof(*mains);
	int64_t mapping = -ENOENT;

	if (!process->main)
		return;
	for (size_t i = 0; i < n; i++) {
		if (mains[i].image == process->main) {
			mains[i].weight += weight;
			return;
		}
	}
	for (uint32_t i = 0; maps && mapping < 0 && i < maps->n; i++)
		if (maps->images[i] == process->main)
			mapping = image_mapping(pl, &maps->walk[i], process->main);
	if (mapping < 0)
		return;
	add.weight = weight;
	add.mapping = (uint32_t)mapping;
	buf_append(&pl->mains, &add, sizeof(add));
	if (!buf_error(&pl->mains))
		image_ref(process->main);
}

void places_choose_main(struct places *pl)
{
	const struct place_main *mains = (const void *)pl->mains.data, *best = NULL;

	for (size_t i = 0; i < pl->mains.len / sizeof(*mains); i++)
		if (!best || mains[i].weight > best->weight)
			best = &mains[i];
	if (best)
		profile_mapping_main(pl->profile, best->mapping);
}
