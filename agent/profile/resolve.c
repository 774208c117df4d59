// SPDX-License-Identifier: GPL-2.0-or-later
#include "resolve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../image/store.h"
#include "model.h"
#include "places.h"

/**
 * struct resolve - a profile on its way to names
 * @places: NULL when cancelled: what comes is dropped
 * @next: mapping to be asked for next
 * @mapping: mapping that was asked for
 * @image: its image, referenced while the question is open, or NULL
 * @locations: its locations, in the order of the question
 * @waiting: a question is open
 */
struct resolve {
	struct engine *engine;
	struct places *places;
	void (*done)(void *ctx);
	void *ctx;
	uint32_t next;
	uint32_t mapping;
	struct image *image;
	struct buf locations; /* uint32_t */
	bool waiting;
};

static void ask_next(struct resolve *r);

static void resolve_free(struct resolve *r)
{
	image_put(r->image);
	buf_deinit(&r->locations);
	engine_unuse(r->engine);
	free(r);
}

/* One location; false when it got no name of its own. */
static bool name_location(struct profile *p, uint32_t location, const struct names *names,
			  uint32_t i)
{
	struct profile_line lines[64];
	uint32_t n = names_count(names, i), k;

	/* The innermost functions are what matters when there are more. */
	if (n > ARRAY_SIZE(lines))
		n = ARRAY_SIZE(lines);
	for (k = 0; k < n; k++) {
		struct name_line l = names_get(names, i, k);
		int64_t name = profile_string(p, l.name), file = profile_string(p, l.file);

		if (name < 0 || file < 0)
			return false;
		lines[k] = (struct profile_line){.name = (uint32_t)name,
						 .file = (uint32_t)file,
						 .line = l.line,
						 .start_line = l.start_line};
	}
	return n && !profile_name(p, location, lines, n);
}

static void name_image(struct profile *p, struct profile_mapping *m, const struct names *names,
		       const uint32_t *locations, uint32_t n)
{
	bool all = true;

	for (uint32_t i = 0; i < n && i < names->naddrs; i++)
		all &= name_location(p, locations[i], names, i);
	/* A reader of the profile takes the flag for "each location here has its name". */
	m->has_functions =
		all && (names->flags & NAMES_ALL_FUNCTIONS || !(names->flags & NAMES_INVENTED));
	m->has_filenames = m->has_lines = names->flags & NAMES_HAVE_LINES;
	m->has_inlines = names->flags & NAMES_HAVE_INLINES;
}

/*
 * Kernel code carries its module as "file", which is the mapping's business; and the bounds of the
 * kernel's text come behind the addresses: see kallsyms_resolve().
 */
static void name_kernel(struct profile *p, struct profile_mapping *m, const struct place *place,
			const struct names *names, const uint32_t *locations, uint32_t n)
{
	bool any = false;

	for (uint32_t i = 0; i < n && i < names->naddrs; i++) {
		struct profile_line line = {0};
		int64_t name;

		if (!names_count(names, i))
			continue;
		name = profile_string(p, names_get(names, i, 0).name);
		if (name < 0)
			continue;
		line.name = (uint32_t)name;
		any |= !profile_name(p, locations[i], &line, 1);
	}
	m->has_functions = any;
	if (place->kind == PLACE_KERNEL && names->naddrs == n + 2 && names_count(names, n) &&
	    names_count(names, n + 1)) {
		uint64_t start = strtoull(names_get(names, n, 0).file, NULL, 16);
		uint64_t end = strtoull(names_get(names, n + 1, 0).file, NULL, 16);

		m->start = start && start < m->start ? start : m->start;
		m->limit = end > m->limit ? end : m->limit;
	}
}

static void names_came(void *ctx, const struct names *names, int status)
{
	struct resolve *r = ctx;

	r->waiting = false;
	if (!r->places) {
		resolve_free(r);
		return;
	}
	if (names) {
		struct profile *p = r->places->profile;
		struct profile_mapping *m = profile_mapping(p, r->mapping);
		const struct place *place = m->ref;
		const uint32_t *locations = (const void *)r->locations.data;
		uint32_t n = (uint32_t)(r->locations.len / sizeof(*locations));

		if (place->kind == PLACE_IMAGE || place->kind == PLACE_ANON)
			name_image(p, m, names, locations, n);
		else
			name_kernel(p, m, place, names, locations, n);
	} else {
		log_debug("no names: %s", strerror(-status));
	}
	image_put(r->image);
	r->image = NULL;
	ask_next(r);
}

/* Collects the mapping's locations and their addresses, as file offsets for an image. */
static void collect(struct resolve *r, const struct profile_mapping *m, struct buf *addrs)
{
	const struct profile *p = r->places->profile;
	const struct place *place = m->ref;

	r->locations.len = 0;
	for (uint32_t i = 0; i < p->locations.n; i++) {
		struct profile_location_key key = profile_location_get(p, i);
		uint64_t addr = key.addr;

		if (key.mapping != r->mapping)
			continue;
		if (place->kind == PLACE_IMAGE)
			addr = addr - m->start + m->offset;
		buf_append(&r->locations, &i, sizeof(i));
		buf_append(addrs, &addr, sizeof(addr));
	}
}

static int ask(struct resolve *r)
{
	struct profile_mapping *m = profile_mapping(r->places->profile, r->mapping);
	struct image_store *store = engine_store(r->engine);
	const struct place *place = m->ref;
	_cleanup_buf_ struct buf addrs = {0};
	const uint64_t *a;
	size_t n;

	collect(r, m, &addrs);
	if (buf_error(&addrs) || buf_error(&r->locations))
		return -ENOMEM;
	a = (const void *)addrs.data;
	n = addrs.len / sizeof(*a);
	if (!n)
		return -ENOENT;
	switch (place->kind) {
	case PLACE_IMAGE:
		/* It was not known yet when the mapping was met for the first time. */
		if (!m->build_id[0] && place->image->build_id[0]) {
			free(m->build_id);
			m->build_id = strdup(place->image->build_id);
			if (!m->build_id)
				return -ENOMEM;
		}
		r->image = image_ref(place->image);
		return image_names(place->image, a, n, names_came, r);
	case PLACE_ANON:
		return perfmap_names(store, place->pid, a, n, names_came, r);
	case PLACE_KERNEL:
	case PLACE_MODULE:
	case PLACE_KERNEL_OTHER:
		return kernel_names(store, a, n, names_came, r);
	}
	return -EINVAL;
}

static void ask_next(struct resolve *r)
{
	void (*done)(void *ctx) = r->done;
	void *ctx = r->ctx;

	while (r->next < profile_nmappings(r->places->profile)) {
		r->mapping = r->next++;
		if (!ask(r)) {
			r->waiting = true;
			return;
		}
		image_put(r->image);
		r->image = NULL;
	}
	resolve_free(r);
	done(ctx);
}

int resolve_start(struct engine *engine, struct places *places, void (*done)(void *ctx), void *ctx,
		  struct resolve **out)
{
	struct resolve *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->engine = engine;
	r->places = places;
	r->done = done;
	r->ctx = ctx;
	engine_use(engine);
	*out = r;
	ask_next(r);
	return 0;
}

void resolve_cancel(struct resolve *r)
{
	if (!r)
		return;
	if (r->waiting)
		r->places = NULL; /* freed when the answer comes */
	else
		resolve_free(r);
}
