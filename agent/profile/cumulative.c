// SPDX-License-Identifier: GPL-2.0-or-later
/* The armed profile itself: what is counted, and its beginning and end. Requests are in
 * cumulative_request.c. */
#include "cumulative.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/counters.h"
#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "cumulative_request.h"
#include "frames.h"

/* After a thread's last event its process is there a little longer. */
#define EXIT_CHECK_NS (200 * NSEC_PER_MSEC)

/* Mappings of one profile. They are not refused by size, see profile_init(). */
enum { MAPPINGS_MAX = 16384 };

static const char full_frame[] = "[profile full]";

/* ---- what is counted */

static bool is_full(const struct profile *p)
{
	return profile_nmappings(p) >= MAPPINGS_MAX || profile_bytes(p) >= p->max_bytes;
}

/* Strings are not refused by size either; a target may have as many names as it likes. */
static uint32_t string(struct cumulative *c, const char *text)
{
	struct profile *p = &c->profile;
	int64_t i = intern_find(&p->strings, text, strlen(text));

	if (i < 0 && !is_full(p))
		i = profile_string(p, text);
	return i < 0 ? 0 : (uint32_t)i;
}

struct profile_label cumulative_label(struct cumulative *c, const char *key, const char *text)
{
	struct profile_label l = {0};

	if (!text || !*text)
		return l;
	l.str = string(c, text);
	if (l.str)
		l.key = string(c, key);
	return l;
}

/* Drops the labels that are not there; returns how many are left. */
static unsigned int pack_labels(struct profile_label *to, const struct profile_label *labels,
				unsigned int n)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < n && kept < PROFILE_LABELS_MAX - 1; i++)
		if (labels[i].key)
			to[kept++] = labels[i];
	return kept;
}

uint32_t cumulative_sample(struct cumulative *c, pid_t pid, const struct stack *s,
			   const struct profile_label *labels, unsigned int nlabels)
{
	struct profile_label all[PROFILE_LABELS_MAX];
	unsigned int n = pack_labels(all, labels, nlabels);
	uint32_t stack[FRAMES_MAX];
	int64_t depth, sample;

	tally_add(&c->tally, s);
	counter_add(COUNTER_COUNTED, 1);
	if (s->guesses) {
		all[n] = cumulative_label(c, "unwind", "[guessed]");
		n += all[n].key != 0;
	}
	if (profile_nmappings(&c->profile) >= MAPPINGS_MAX)
		depth = -EFBIG;
	else
		depth = frames_locate(&c->places, pid, s, stack);
	sample =
		depth < 0 ? depth : profile_sample(&c->profile, stack, (unsigned int)depth, all, n);
	if (sample >= 0)
		return (uint32_t)sample;
	c->overflow++;
	return c->full;
}

uint32_t cumulative_synthetic(struct cumulative *c, const char *frame,
			      const struct profile_label *labels, unsigned int nlabels)
{
	struct profile_label all[PROFILE_LABELS_MAX];
	unsigned int n = pack_labels(all, labels, nlabels);
	int64_t location = profile_synthetic(&c->profile, frame), sample;
	uint32_t stack = (uint32_t)location;

	sample = location < 0 ? location : profile_sample(&c->profile, &stack, 1, all, n);
	if (sample >= 0)
		return (uint32_t)sample;
	c->overflow++;
	return c->full;
}

/* The fractions of a sample, or NULL without memory. */
static double *rests_of(struct cumulative *c, uint32_t sample)
{
	unsigned int nvalues = c->profile.nvalues;
	size_t want = ((size_t)sample + 1) * nvalues * sizeof(double);

	if (c->rests.len < want) {
		size_t more = want - c->rests.len;
		void *to = buf_reserve(&c->rests, more);

		if (!to) {
			c->rests.error = 0;
			return NULL;
		}
		memset(to, 0, more);
	}
	return (double *)(void *)c->rests.data + (size_t)sample * nvalues;
}

static int64_t whole(double v)
{
	return v >= 9e18 ? INT64_MAX : v <= -9e18 ? INT64_MIN : (int64_t)v;
}

void cumulative_count(struct cumulative *c, uint32_t sample, const double *values)
{
	double *rests = rests_of(c, sample);
	int64_t add[PROFILE_VALUES_MAX];

	c->events++;
	for (unsigned int i = 0; i < c->profile.nvalues; i++) {
		double v = values[i] + (rests ? rests[i] : 0);

		/* Rounded: of many samples with a fraction each, none is lost in the sum. */
		add[i] = whole(floor(v + 0.5));
		if (rests)
			rests[i] = v - (double)add[i];
	}
	profile_count(&c->profile, sample, add);
}

void cumulative_weigh(struct cumulative *c, const struct stack *s, double weight)
{
	if (s->process && profile_nmappings(&c->profile) < MAPPINGS_MAX)
		places_weigh(&c->places, s->process, s->maps, (uint64_t)whole(weight));
}

void cumulative_open(struct cumulative *c, uint32_t sample, uint32_t over, const double *values,
		     const double *carried)
{
	struct snapshot_open open = {.sample = sample, .over = over};

	for (unsigned int i = 0; i < c->profile.nvalues; i++) {
		open.values[i] = whole(values[i]);
		open.carried[i] = whole(carried[i]);
	}
	buf_append(&c->open, &open, sizeof(open));
}

void cumulative_move(struct cumulative *c, uint32_t from, uint32_t to, const int64_t *values,
		     uint64_t since)
{
	int64_t less[PROFILE_VALUES_MAX];

	for (unsigned int i = 0; i < c->profile.nvalues; i++)
		less[i] = -values[i];
	profile_count(&c->profile, from, less);
	profile_count(&c->profile, to, values);
	requests_move(c, from, to, values, since);
}

unsigned int cumulative_stacks(const struct armed_list *l, const struct cumulative_kind *kind,
			       const struct target *target)
{
	const struct armed_spec spec = {
		.kind = &kind->armed, .target = *target, .any_rate = true, .any_kernel = true};
	const struct cumulative *c = (const struct cumulative *)armed_find(l, &spec);
	unsigned int n = 0;

	for (uint32_t i = 0; c && i < c->profile.samples.n; i++)
		n += profile_values(&c->profile, i)[0] != 0;
	return n;
}

/* ---- beginning and end */

struct cumulative *cumulative_get(struct cumulative *c)
{
	c->refs++;
	return c;
}

void cumulative_put(struct cumulative *c)
{
	if (--c->refs)
		return;
	places_deinit(&c->places);
	profile_deinit(&c->profile);
	buf_deinit(&c->rests);
	buf_deinit(&c->open);
	free(c);
}

static void stop(struct cumulative *c)
{
	loop_timer_clear(engine_loop(c->engine), &c->exit_check);
	if (!c->stopped)
		c->kind->stop(c);
	c->stopped = true;
	c->flushing = false;
	/* Whatever went on at the last flush may have been counted since. */
	c->open.len = 0;
}

bool cumulative_gone(const struct cumulative *c)
{
	const struct target *t = &c->armed.spec.target;
	uint64_t started;

	if (t->kind != TARGET_PID)
		return false;
	started = process_started(t->pid);
	if (started && started != c->started)
		return true;
	return c->kind->alive ? !c->kind->alive(c) : !process_alive(t->pid);
}

/* If the target has gone, ends what is hooked and keeps what was counted. */
void cumulative_look(struct armed *a)
{
	struct cumulative *c = (struct cumulative *)a;

	if (c->stopped || !cumulative_gone(c))
		return;
	c->armed.exited = true;
	cumulative_get(c);
	stop(c);
	requests_finish(c);
	cumulative_put(c);
}

static void exit_check(struct loop_timer *t)
{
	struct cumulative *c =
		(struct cumulative *)((char *)t - offsetof(struct cumulative, exit_check));

	c->checks_exit = false;
	cumulative_look(&c->armed);
}

void cumulative_check_exit(struct cumulative *c)
{
	/* The timer is not moved: threads that exit all the time would put it off for ever. */
	if (c->armed.spec.target.kind != TARGET_PID || c->stopped || c->checks_exit)
		return;
	c->checks_exit = true;
	loop_timer_set(engine_loop(c->engine), &c->exit_check, EXIT_CHECK_NS);
}

static int prepare(struct cumulative *c)
{
	const struct cumulative_kind *kind = c->kind;
	struct profile *p = &c->profile;
	int64_t location, full;
	uint32_t stack;

	places_init(&c->places, p);
	if (profile_init(p, CUMULATIVE_BYTES_MAX))
		return -ENOMEM;
	memcpy(p->sample_types, kind->types, sizeof(p->sample_types));
	p->nvalues = kind->nvalues;
	p->period_type = kind->period_type;
	p->period = kind->period ? kind->period : (int64_t)c->armed.spec.rate;
	/* It has its place from the beginning: later there is none. */
	location = profile_synthetic(p, full_frame);
	stack = (uint32_t)location;
	full = location < 0 ? location : profile_sample(p, &stack, 1, NULL, 0);
	c->full = (uint32_t)full;
	return full < 0 ? (int)full : 0;
}

int cumulative_create(const struct armed_kind *armed, struct armed_list *l,
		      const struct armed_spec *spec, struct armed **out)
{
	const struct cumulative_kind *kind = (const struct cumulative_kind *)armed;
	struct cumulative *c = calloc(1, kind->size);
	int err;

	if (!c)
		return -ENOMEM;
	c->refs = 1;
	c->kind = kind;
	c->engine = l->engine;
	c->armed.list = l;
	c->armed.spec = *spec;
	c->armed.since = loop_now();
	c->since_wall_ns = wall_clock_ns();
	c->exit_check.cb = exit_check;
	if (spec->target.kind == TARGET_PID)
		c->started = process_started(spec->target.pid);
	err = prepare(c);
	if (!err)
		err = kind->start(c);
	if (err) {
		cumulative_put(c);
		return err;
	}
	*out = &c->armed;
	return 0;
}

void cumulative_destroy(struct armed *a)
{
	struct cumulative *c = (struct cumulative *)a;

	stop(c);
	/* Requests that wait are answered with what there is. */
	requests_finish(c);
	cumulative_put(c);
}

void cumulative_cost(const struct armed *a, struct armed_cost *out)
{
	const struct cumulative *c = (const struct cumulative *)a;

	out->events = c->events;
	if (c->kind->cost)
		c->kind->cost(c, out);
}
