// SPDX-License-Identifier: GPL-2.0-or-later
#include "page_watch.h"

/* How many objects there are on a page is not known. */
static uint32_t on_alloc(void *ctx, const struct heap_event *ev)
{
	struct page_watch *p = ctx;
	const double values[] = {0, ev->count * (double)ev->size, 0, 0};
	uint32_t sample = cumulative_sample(p->c, ev->pid, &ev->stack, NULL, 0);

	if (p->allocs) {
		cumulative_count(p->c, sample, values);
		cumulative_weigh(p->c, &ev->stack, values[1]);
	}
	return sample;
}

static void on_live(void *ctx, uint32_t sample, double count, uint64_t size)
{
	struct page_watch *p = ctx;
	const double values[] = {0, 0, 0, count * (double)size};

	p->memory->live += values[3];
	cumulative_count(p->c, sample, values);
}

static void thread_gone(void *ctx)
{
	struct page_watch *p = ctx;

	cumulative_check_exit(p->c);
}

int page_watch_start(struct page_watch *p)
{
	int err;

	p->watch = (struct heap_watch){
		.target = p->c->armed.spec.target,
		.rate = p->c->armed.spec.rate,
		.growth = true,
		.on_alloc = on_alloc,
		.on_live = on_live,
		.on_exit = thread_gone,
		.ctx = p,
	};
	err = heap_watch_start(p->c->engine, &p->watch);
	p->runs = !err;
	return err;
}

static void flushed(void *ctx)
{
	struct page_watch *p = ctx;

	heap_memory_add(p->c, p->memory, "[growth between samples]");
	cumulative_flushed(p->c);
}

void page_watch_flush(struct page_watch *p)
{
	heap_watch_flush(&p->watch, flushed);
}

void page_watch_stop(struct page_watch *p)
{
	if (p->runs)
		heap_watch_stop(p->c->engine, &p->watch);
	p->runs = false;
}
