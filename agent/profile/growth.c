// SPDX-License-Identifier: GPL-2.0-or-later
#include "growth.h"

#include <string.h>

#include "../heap/watch.h"
#include "heap_memory.h"
#include "text.h"

/* An armed profile of growth. */
struct growth_armed {
	struct cumulative c;
	struct heap_watch watch;
	struct heap_memory memory;
};

/* How many objects there are on a page is not known. */
static uint32_t on_alloc(void *ctx, const struct heap_event *ev)
{
	struct growth_armed *g = ctx;
	const double values[] = {0, ev->count * (double)ev->size, 0, 0};
	uint32_t sample = cumulative_sample(&g->c, ev->pid, &ev->stack, NULL, 0);

	cumulative_count(&g->c, sample, values);
	cumulative_weigh(&g->c, &ev->stack, values[1]);
	return sample;
}

static void on_live(void *ctx, uint32_t sample, double count, uint64_t size)
{
	struct growth_armed *g = ctx;
	const double values[] = {0, 0, 0, count * (double)size};

	g->memory.live += values[3];
	cumulative_count(&g->c, sample, values);
}

static void thread_gone(void *ctx)
{
	struct growth_armed *g = ctx;

	cumulative_check_exit(&g->c);
}

static int start(struct cumulative *c)
{
	struct growth_armed *g = (struct growth_armed *)c;

	g->watch = (struct heap_watch){
		.target = c->armed.spec.target,
		.rate = c->armed.spec.rate,
		.growth = true,
		.on_alloc = on_alloc,
		.on_live = on_live,
		.on_exit = thread_gone,
		.ctx = g,
	};
	c->armed.engine = KPPROF_ENGINE_PERF;
	heap_memory_begin(c, &g->memory);
	return heap_watch_start(c->engine, &g->watch);
}

static void flushed(void *ctx)
{
	struct growth_armed *g = ctx;

	heap_memory_add(&g->c, &g->memory, "[growth between samples]");
	cumulative_flushed(&g->c);
}

static int flush(struct cumulative *c)
{
	heap_watch_flush(&((struct growth_armed *)c)->watch, flushed);
	return 0;
}

static void stop(struct cumulative *c)
{
	heap_watch_stop(c->engine, &((struct growth_armed *)c)->watch);
}

static void cost(const struct cumulative *c, struct armed_cost *out)
{
	out->lost = ((const struct growth_armed *)c)->watch.lost;
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
	.types = {{"alloc_objects", "count"},
		  {"alloc_space", "bytes"},
		  {"inuse_objects", "count"},
		  {"inuse_space", "bytes"}},
	.nvalues = 4,
	.period_type = {"space", "bytes"},
	.gauges = 1 << 2 | 1 << 3,
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
