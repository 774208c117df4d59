// SPDX-License-Identifier: GPL-2.0-or-later
#include "perf.h"

#include <string.h>

#include "../base/cleanup.h"
#include "../engine/clock.h"
#include "../engine/core.h"
#include "filter.h"
#include "samples.h"
#include "watch.h"

/*
 * The kernel keeps room in the ring for as much of a stack as was asked for, however short it is.
 * So little is asked for, until so many stacks turned out to be deeper.
 */
enum { RING_BYTES = 8 << 20, DUMP_BYTES = 12 << 10, DEEP_STACKS = 8 };

/* The events of a ring. */
enum { EVENT_STACK, EVENT_LIGHT, EVENT_DEEP, EVENTS };

static void sampled(struct heap_watch *w, const struct record *r, const struct heap_record *raw)
{
	struct block *b = heap_watch_new(w, raw->seq, raw->size);

	if (!b)
		return;
	b->tgid = raw->tgid;
	heap_watch_take(w, r, b);
}

static void placed(struct heap_watch *w, const struct heap_record *raw)
{
	struct block *b = blocks_find(&w->blocks, raw->seq);

	if (!b) {
		heap_filter_forget(w->filter, raw->ptr, raw->tgid, raw->seq);
		return;
	}
	heap_watch_placed(w, b, raw->ptr);
}

static void handle_raw(struct heap_watch *w, const struct record *r)
{
	struct heap_record raw;
	struct block *b;

	if (r->sample.raw_len < sizeof(raw))
		return;
	memcpy(&raw, r->sample.raw, sizeof(raw));
	switch (raw.type) {
	case HEAP_SAMPLED:
		sampled(w, r, &raw);
		break;
	case HEAP_PLACED:
		placed(w, &raw);
		break;
	case HEAP_FREED:
		b = blocks_find(&w->blocks, raw.seq);
		if (b)
			heap_watch_freed(w, b);
		break;
	}
}

static void handle(void *owner, struct cpu_ring *ring, const struct perf_event_header *header)
{
	struct heap_watch *w = owner;
	struct record r;

	if (record_parse_raw(header, &r))
		return;
	if (r.type == PERF_RECORD_SAMPLE)
		handle_raw(w, &r);
	else if (r.type == PERF_RECORD_LOST || r.type == PERF_RECORD_LOST_SAMPLES)
		heap_watch_lost(w, event_set_told(ring->set, r.lost));
}

/* Tells the programs which ring belongs to which CPU. */
static int connect_rings(struct heap_watch *w)
{
	int err = 0;

	w->nrings = 0;
	for (struct cpu_ring *r = w->set->rings; r && !err; r = r->next) {
		err = heap_filter_output(w->filter, r->cpu,
					 r->fds[w->deep < DEEP_STACKS ? EVENT_STACK : EVENT_DEEP],
					 r->fds[EVENT_LIGHT]);
		w->nrings++;
	}
	return err;
}

int heap_perf_open(struct heap_watch *w)
{
	const struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_BPF_OUTPUT,
		.sample_type = RECORD_RAW_STACK_TYPE,
		.sample_regs_user = record_regs_mask,
		.sample_stack_user = dump_bytes_get(),
		.sample_period = 1,
	};
	struct event_spec specs[EVENTS] = {{.attr = attr}, {.attr = attr}, {.attr = attr}};
	struct perf_event_attr *light = &specs[EVENT_LIGHT].attr;
	int err = heap_filter_create(w->rate, &w->filter);

	if (err)
		return err;
	light->sample_type = RECORD_RAW_TYPE;
	light->sample_regs_user = light->sample_stack_user = 0;
	if (attr.sample_stack_user > DUMP_BYTES)
		specs[EVENT_STACK].attr.sample_stack_user = DUMP_BYTES;
	err = engine_set_open(w->engine, specs, ARRAY_SIZE(specs), RING_BYTES, handle, w, &w->set);
	return err ? err : connect_rings(w);
}

void heap_perf_deeper(struct heap_watch *w)
{
	if (++w->deep == DEEP_STACKS)
		connect_rings(w);
}

void heap_perf_rescan(struct heap_watch *w)
{
	unsigned int rings = 0;

	for (struct cpu_ring *r = w->set->rings; r; r = r->next)
		rings++;
	if (rings != w->nrings)
		connect_rings(w);
}
