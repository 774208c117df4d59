// SPDX-License-Identifier: GPL-2.0-or-later
#include "heap.h"

#include <string.h>

#include "../base/buf.h"
#include "../base/log.h"
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

/* What is live is not followed any more: the growth of memory is what is known of it. */
static void governed(void *ctx)
{
	struct heap *h = ctx;
	int err;

	h->pages = (struct page_watch){.c = &h->c, .memory = &h->memory};
	err = page_watch_start(&h->pages);
	if (err)
		log_warning("growth cannot be watched: %s", strerror(-err));
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
		.on_governed = governed,
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

	heap_memory_add(&h->c, &h->memory,
			h->watch.duty.governed ? "[growth between samples]"
					       : "[allocator overhead and free lists]");
	cumulative_flushed(&h->c);
}

static void flush_pages(void *ctx)
{
	struct heap *h = ctx;

	if (h->pages.runs)
		page_watch_flush(&h->pages);
	else
		flushed(h);
}

static int flush(struct cumulative *c)
{
	struct heap *h = (struct heap *)c;

	heap_watch_flush(&h->watch, flush_pages);
	return 0;
}

static void stop(struct cumulative *c)
{
	struct heap *h = (struct heap *)c;

	heap_watch_stop(c->engine, &h->watch);
	page_watch_stop(&h->pages);
}

static void cost(const struct cumulative *c, struct armed_cost *out)
{
	const struct heap *h = (const struct heap *)c;

	out->lost = h->watch.lost + h->pages.watch.lost;
}

static void comment_counts(const struct heap *h, struct profile *p)
{
	struct heap_counts n;

	heap_watch_counts(&h->watch, &n);
	profile_comment(p,
			"all calls%s, sampled or not, those within the allocator too: %llu "
			"allocations of %llu bytes, %llu frees",
			h->watch.duty.governed ? " while they were probed" : "",
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

static void comment_duty(const struct heap_duty *d, struct profile *p)
{
	if (!d->governed)
		return;
	profile_comment(p,
			"governor: probing all of the time would cost %.0f %% of a CPU: the probes "
			"were there %.1f %% of the time (force=1 probes all of the time)",
			100 * d->cost, 100 * heap_duty_share(d));
	profile_comment(p,
			"allocations without probes are inferred from CPU time: %.0f ns between "
			"two of them, and %.0f ns more for a probe",
			heap_pace_work_ns(&d->pace), heap_pace_probe_ns(&d->pace));
	profile_comment(p, "in use is growth: pages that are still there, by who touched them "
			   "first; objects are not known and 0");
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
	comment_duty(&h->watch.duty, p);
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
	HEAP_VALUES,
	.start = start,
	.flush = flush,
	.stop = stop,
	.cost = cost,
	.comment = comment,
};
