// SPDX-License-Identifier: GPL-2.0-or-later
#include "heap.h"

#include <string.h>

#include "../base/buf.h"
#include "../base/loop.h"
#include "../engine/engine.h"

uint64_t heap_size_label(uint64_t size)
{
	unsigned int shift;

	if (size <= 512)
		return size;
	/* Six digits of the binary number, rounded. */
	shift = 64 - (unsigned int)__builtin_clzll(size) - 6;
	size += 1ull << (shift - 1);
	return size >> shift << shift;
}

static uint32_t on_alloc(void *ctx, const struct heap_event *ev)
{
	struct heap *h = ctx;
	const struct profile_label size = {
		.key = h->label_size,
		.num = (int64_t)heap_size_label(ev->size),
	};
	const double values[] = {ev->count, ev->count * (double)ev->size, 0, 0};
	uint32_t sample = cumulative_sample(&h->c, ev->pid, &ev->stack, &size, 1);

	cumulative_count(&h->c, sample, values);
	cumulative_weigh(&h->c, &ev->stack, values[1]);
	return sample;
}

static void on_live(void *ctx, uint32_t sample, double count, uint64_t size)
{
	struct heap *h = ctx;
	const double values[] = {0, 0, count, count * (double)size};

	h->memory.live += values[3];
	cumulative_count(&h->c, sample, values);
}

static void thread_gone(void *ctx)
{
	struct heap *h = ctx;

	cumulative_check_exit(&h->c);
}

static int start(struct cumulative *c)
{
	struct heap *h = (struct heap *)c;
	int64_t key = profile_string(&c->profile, "bytes");
	int err;

	if (key < 0)
		return (int)key;
	h->label_size = (uint32_t)key;
	c->profile.drop_frames = HEAP_DROP_FRAMES;
	h->watch = (struct heap_watch){
		.target = c->armed.spec.target,
		.rate = c->armed.spec.rate,
		.on_alloc = on_alloc,
		.on_live = on_live,
		.on_exit = thread_gone,
		.ctx = h,
	};
	c->armed.engine = KPPROF_ENGINE_PERF;
	heap_memory_begin(c, &h->memory);
	err = heap_watch_start(c->engine, &h->watch);
	if (!err && h->watch.module)
		c->armed.engine = KPPROF_ENGINE_MODULE;
	return err;
}

static void flushed(void *ctx)
{
	struct heap *h = ctx;

	heap_memory_add(&h->c, &h->memory, "[allocator overhead and free lists]");
	cumulative_flushed(&h->c);
}

static int flush(struct cumulative *c)
{
	struct heap *h = (struct heap *)c;

	heap_watch_flush(c->engine, &h->watch, flushed);
	return 0;
}

static void stop(struct cumulative *c)
{
	heap_watch_stop(c->engine, &((struct heap *)c)->watch);
}

static void cost(const struct cumulative *c, struct armed_cost *out)
{
	const struct heap *h = (const struct heap *)c;

	out->lost = h->watch.lost;
}

static void comment_counts(const struct heap *h, struct profile *p)
{
	struct heap_counts n;

	heap_watch_counts(&h->watch, &n);
	profile_comment(p, "all calls, sampled or not: %llu allocations of %llu bytes, %llu frees",
			(unsigned long long)n.allocs, (unsigned long long)n.bytes,
			(unsigned long long)n.frees);
	if (h->watch.lost)
		profile_comment(p,
				"records were lost: values of sites are too low by these; what was "
				"freed is known all the same");
	if (n.overflow)
		profile_comment(p, "samples too many to follow: %llu: they are not in use here",
				(unsigned long long)n.overflow);
	if (n.missed || n.dropped)
		profile_comment(p,
				"samples whose end was not seen: %llu; without memory to follow "
				"them: %llu",
				(unsigned long long)n.missed, (unsigned long long)n.dropped);
	if (h->watch.unplaced)
		profile_comment(p, "sampled calls that failed or did not return: %llu: not in use",
				(unsigned long long)h->watch.unplaced);
}

static void comment(const struct cumulative *c, struct profile *p)
{
	const struct heap *h = (const struct heap *)c;
	unsigned int n, stepped;

	if (!c->stopped) {
		heap_watch_probes(&h->watch, &n, &stepped);
		profile_comment(p, "allocator: %s; probes: %u, of which single-stepped: %u",
				heap_watch_describe(&h->watch), n, stepped);
		comment_counts(h, p);
	}
	if (*h->watch.why)
		profile_comment(p, "allocations are sampled by perf events: %s", h->watch.why);
	if (h->watch.lifted)
		profile_comment(p,
				"the probes cost %.0f %% of a CPU and were taken out after %.0f s: "
				"what came later is not counted (force=1 keeps them)",
				100 * h->watch.cost,
				(double)(h->watch.lifted - c->armed.since) / NSEC_PER_SEC);
	if (h->watch.error)
		profile_comment(p, "a process could not be probed: %s", strerror(-h->watch.error));
	heap_memory_comment(&h->memory, p);
}

const struct cumulative_kind heap_profile = {
	.armed =
		{
			.id = KPPROF_KIND_HEAP,
			.name = "heap",
			.rate_unit = "bytes",
			.rate_min = HEAP_RATE_MIN,
			.rate_max = HEAP_RATE_MAX,
			.rate_default = HEAP_RATE_DEFAULT,
			CUMULATIVE_ARMED,
		},
	.size = sizeof(struct heap),
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
