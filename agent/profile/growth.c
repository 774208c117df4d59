// SPDX-License-Identifier: GPL-2.0-or-later
#include "growth.h"

#include <string.h>

#include "heap_memory.h"
#include "page_watch.h"
#include "text.h"

/* An armed profile of growth. */
struct growth_armed {
	struct cumulative c;
	struct page_watch pages;
	struct heap_memory memory;
};

static int start(struct cumulative *c)
{
	struct growth_armed *g = (struct growth_armed *)c;

	g->pages = (struct page_watch){.c = c, .memory = &g->memory, .allocs = true};
	c->armed.engine = KPPROF_ENGINE_PERF;
	heap_memory_begin(c, &g->memory);
	return page_watch_start(&g->pages);
}

static int flush(struct cumulative *c)
{
	page_watch_flush(&((struct growth_armed *)c)->pages);
	return 0;
}

static void stop(struct cumulative *c)
{
	page_watch_stop(&((struct growth_armed *)c)->pages);
}

static void cost(const struct cumulative *c, struct armed_cost *out)
{
	out->lost = ((const struct growth_armed *)c)->pages.watch.lost;
}

static void comment(const struct cumulative *c, struct profile *p)
{
	const struct growth_armed *g = (const struct growth_armed *)c;

	profile_comment(p,
			"growth: bytes of anonymous memory by who touched it first; in use is what "
			"is still there; objects are not known and 0");
	heap_memory_comment(&g->memory, p);
}

const struct cumulative_kind growth_profile = {
	.armed =
		{
			.id = KPPROF_KIND_GROWTH,
			.name = "growth",
			.rate_unit = "bytes",
			.rate_min = 4096,
			.rate_max = HEAP_RATE_MAX,
			.rate_default = HEAP_RATE_DEFAULT,
			CUMULATIVE_ARMED,
		},
	.size = sizeof(struct growth_armed),
	HEAP_VALUES,
	.start = start,
	.flush = flush,
	.stop = stop,
	.cost = cost,
	.comment = comment,
};

/* Nothing in it is to be scaled by its reader. */
static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	(void)c;
	text_heap(p, 1, out);
}

void growth_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		  const char *name, bool raw)
{
	const struct cumulative_view view = {
		.kind = &growth_profile,
		.name = name,
		.default_type = strcmp(name, "allocs") == 0 ? "alloc_space" : NULL,
		.filter = raw,
		.keep = heap_memory_keep,
		.text = text,
	};

	cumulative_serve(l, req, target, &view);
}
