// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched_events.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "core.h"
#include "stack.h"

enum {
	/* A copied stack at first, and at least: what is deeper is cut off, and says so. A copy
	 * takes its room in the ring whether the stack is so deep or not. */
	STACK_BYTES = 16 << 10,
	STACK_BYTES_MIN = 4 << 10,
	/* One switch of 2 to the power of this has its stack copied, at least. */
	EVERY_MAX = 6,
	RING_TIMES = 2 << 20,
	RING_STACKS = 16 << 20,
	/* All rings of one set together, and as a part of the memory; each at least. */
	RINGS_TOTAL = 64 << 20,
	RINGS_PART = 16,
	RING_MIN = 256 << 10,
	EVENTS_MAX = 2,
};

/* The events of a set, and the fields by which each is filtered: any of them may hold a thread
 * that matters. */
static const struct {
	size_t ring;
	uint32_t stack;
	struct {
		enum sched_what what;
		const char *fields[2];
		const char *also;
	} events[EVENTS_MAX];
	size_t n;
} sets[SCHED_SETS] = {
	[SCHED_TIMES] = {RING_TIMES,
			 0,
			 {{SCHED_SWITCH, {"prev_pid", "next_pid"}, ""},
			  {SCHED_WAKING, {"pid"}, ""}},
			 2},
	[SCHED_STACKS] = {RING_STACKS, STACK_BYTES, {{SCHED_SWITCH, {"prev_pid"}, ""}}, 1},
	/* An interrupt of the idle task lets nobody go. */
	[SCHED_WAKERS] = {RING_STACKS,
			  STACK_BYTES / 2,
			  {{SCHED_WAKING, {"pid"}, " && common_pid > 0"}},
			  1},
	/* Each of them counts, and they may be many. */
	[SCHED_FORKS] = {RING_STACKS, STACK_BYTES / 2, {{SCHED_FORK, {"common_pid"}, ""}}, 1},
	[SCHED_CPUS] = {RING_TIMES},
};

int sched_events_find(struct sched_events *ev)
{
	static const char *const names[] = {"sched/sched_switch", "sched/sched_waking",
					    "sched/sched_process_fork"};
	static const char *const next[] = {"next_pid", "pid", "child_pid"};
	_cleanup_close_ int tracefs = tracefs_open();
	int err = tracefs < 0 ? tracefs : 0;

	for (size_t i = 0; i < SCHED_WHATS && !err; i++) {
		struct trace_field fields[] = {
			{.name = next[i]},
			{.name = i == SCHED_SWITCH ? "prev_pid" : NULL},
			{.name = "prev_state"},
			{.name = NULL},
		};

		err = trace_event(tracefs, names[i], fields, &ev->ids[i]);
		ev->next[i] = fields[0];
		if (i == SCHED_SWITCH) {
			ev->prev = fields[1];
			ev->prev_state = fields[2];
		}
	}
	return err;
}

static void filter_text(const struct tid_ranges *ranges, enum sched_set set, size_t i,
			struct buf *out)
{
	const char *const *fields = sets[set].events[i].fields;

	buf_puts(out, "(");
	tid_ranges_text(ranges, fields[0], out);
	if (fields[1]) {
		buf_puts(out, " || ");
		tid_ranges_text(ranges, fields[1], out);
	}
	buf_printf(out, ")%s", sets[set].events[i].also);
	buf_append(out, "", 1);
}

static size_t ring_bytes(enum sched_set set)
{
	size_t size = sets[set].ring, total = RINGS_TOTAL;
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_PHYS_PAGES);
	long page = sysconf(_SC_PAGESIZE);

	if (pages > 0 && (size_t)pages * (size_t)page / RINGS_PART < total)
		total = (size_t)pages * (size_t)page / RINGS_PART;
	while (size > RING_MIN && ncpus > 0 && size * (size_t)ncpus > total)
		size /= 2;
	return size;
}

static uint64_t type_of(enum sched_set set)
{
	if (set == SCHED_CPUS)
		return RECORD_ID_TYPE;
	return set == SCHED_TIMES ? RECORD_TRACE_TYPE : RECORD_TRACE_STACK_TYPE;
}

/* Halvings until a copy is as short as it may be. */
static unsigned int steps_to_min(enum sched_set set)
{
	unsigned int n = 0;

	while (sets[set].stack >> (n + 1) >= STACK_BYTES_MIN)
		n++;
	return n;
}

uint32_t sched_events_copies(const struct sched_events *ev, enum sched_set set, unsigned int *every)
{
	unsigned int steps = steps_to_min(set), level = ev->level[set];

	*every = level > steps ? 1u << (level - steps) : 1;
	return sets[set].stack >> (level < steps ? level : steps);
}

static void fill_attr(const struct sched_events *ev, enum sched_set set, size_t i,
		      struct perf_event_attr *attr)
{
	unsigned int every;

	*attr = (struct perf_event_attr){
		.type = PERF_TYPE_TRACEPOINT,
		.config = ev->ids[sets[set].events[i].what],
		.sample_type = type_of(set),
		.sample_period = 1,
	};
	if (!sets[set].stack)
		return;
	attr->sample_stack_user = sched_events_copies(ev, set, &every);
	attr->sample_period = every;
	attr->sample_max_stack = KERNEL_FRAMES_MAX;
	attr->exclude_callchain_user = 1;
	attr->sample_regs_user = record_regs_mask;
}

int sched_events_open(struct sched_events *ev, struct engine *e, enum sched_set set,
		      const struct tid_ranges *ranges,
		      void (*handle)(void *owner, struct cpu_ring *r,
				     const struct perf_event_header *h),
		      void *owner)
{
	struct event_spec specs[EVENTS_MAX + 1] = {0};
	struct buf text[EVENTS_MAX] = {0};
	int err = 0;

	ev->level[set] = 0;
	/* The first event owns the ring and never changes: see event_set_replace(). */
	fill_attr(ev, set, 0, &specs[0].attr);
	specs[0].attr.type = PERF_TYPE_SOFTWARE;
	specs[0].attr.config = PERF_COUNT_SW_DUMMY;
	specs[0].attr.context_switch = set == SCHED_CPUS;
	for (size_t i = 0; i < sets[set].n; i++) {
		fill_attr(ev, set, i, &specs[i + 1].attr);
		filter_text(ranges, set, i, &text[i]);
		specs[i + 1].filter = text[i].data;
		err = err ? err : buf_error(&text[i]);
	}
	if (!err)
		err = engine_set_open(e, specs, (unsigned int)sets[set].n + 1, ring_bytes(set),
				      handle, owner, &ev->sets[set]);
	for (size_t i = 0; i < EVENTS_MAX; i++)
		buf_deinit(&text[i]);
	return err;
}

static int replace(struct sched_events *ev, enum sched_set set, const struct tid_ranges *ranges)
{
	int err = 0;

	for (size_t i = 0; i < sets[set].n && !err; i++) {
		_cleanup_buf_ struct buf text = {0};
		struct event_spec spec;

		fill_attr(ev, set, i, &spec.attr);
		filter_text(ranges, set, i, &text);
		spec.filter = text.data;
		err = buf_error(&text);
		if (!err)
			err = event_set_replace(ev->sets[set], (unsigned int)i + 1, &spec);
	}
	return err;
}

int sched_events_filter(struct sched_events *ev, const struct tid_ranges *ranges)
{
	int err = 0;

	for (enum sched_set set = 0; set < SCHED_SETS && !err; set++)
		if (ev->sets[set])
			err = replace(ev, set, ranges);
	return err;
}

int sched_events_restrain(struct sched_events *ev, enum sched_set set,
			  const struct tid_ranges *ranges, bool less)
{
	unsigned int most = steps_to_min(set) + (set == SCHED_STACKS ? EVERY_MAX : 0);

	if (!sets[set].stack || ev->level[set] == (less ? most : 0))
		return -ERANGE;
	ev->level[set] += less ? 1 : -1u;
	return replace(ev, set, ranges);
}

void sched_events_close(struct sched_events *ev, struct engine *e, enum sched_set set)
{
	engine_set_close(e, ev->sets[set]);
	ev->sets[set] = NULL;
}

int sched_events_parse(const struct sched_events *ev, enum sched_set set,
		       const struct perf_event_header *h, struct record *r, struct sched_record *s)
{
	int err = record_parse_trace(h, type_of(set), r);
	uint16_t id;

	if (err || r->type != PERF_RECORD_SAMPLE)
		return err;
	/* The first of the fields that every trace event has is its number. */
	if (r->sample.raw_len < sizeof(id))
		return -EBADMSG;
	memcpy(&id, r->sample.raw, sizeof(id));
	for (size_t i = 0; i < SCHED_WHATS; i++) {
		if (id != ev->ids[i])
			continue;
		*s = (struct sched_record){
			.what = (enum sched_what)i,
			.next = (pid_t)trace_get(&ev->next[i], r->sample.raw, r->sample.raw_len),
		};
		if (i == SCHED_SWITCH) {
			s->prev = (pid_t)trace_get(&ev->prev, r->sample.raw, r->sample.raw_len);
			s->prev_state = (uint64_t)trace_get(&ev->prev_state, r->sample.raw,
							    r->sample.raw_len);
		}
		return 0;
	}
	return -ENOTSUP;
}
