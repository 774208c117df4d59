/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Profiles that count on while their target is armed: block, mutex, threadcreate, heap. A target is
 * armed by the first request, which waits for a short window and answers with what it saw; each
 * request renews the lease. Without ?seconds= an answer is the total since the target was armed,
 * with it the difference over so many seconds. Requests share what is armed, and none disturbs
 * another.
 *
 * A kind of profile embeds struct cumulative as first in its own struct, and has a source of events
 * that it counts here.
 */
#ifndef KPPROF_CUMULATIVE_H
#define KPPROF_CUMULATIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "answer.h"
#include "armed.h"
#include "model.h"
#include "places.h"
#include "snapshot.h"

struct buf;
struct cumulative;
struct engine;
struct http_request;

/* How long the first request waits. */
#define WINDOW_DEFAULT_NS (5 * NSEC_PER_SEC)

/* What one armed profile may occupy; more stacks are counted under [profile full]. */
enum { CUMULATIVE_BYTES_MAX = 8 << 20 };

/**
 * struct cumulative_kind - a kind of profile
 * @armed: its name, rates and so on; @armed.create is cumulative_create() and so on, see
 *	CUMULATIVE_ARMED
 * @size: of the struct that embeds struct cumulative
 * @types: sample types, @nvalues of them
 * @nvalues: values of a sample
 * @period_type: as in profile.proto
 * @period: 0: the rate
 * @gauges: bit i: value i may go down, see snapshot_difference()
 * @start: begin to count; hooks are there when it returns 0. @c is all zero behind struct
 *cumulative
 * @flush: bring the counts up to now: cumulative_open() for what goes on, then
 *cumulative_flushed(), from the loop or before it returns. An error counts as flushed
 * @stop: end at once: no callback of the source follows
 * @alive: the source still has processes to look at; NULL: only the target itself is looked at
 * @cost: out: as in struct armed_kind
 * @comment: comments of its own
 */
struct cumulative_kind {
	struct armed_kind armed;
	size_t size;
	struct profile_value_type types[PROFILE_VALUES_MAX];
	unsigned int nvalues;
	struct profile_value_type period_type;
	int64_t period;
	unsigned int gauges;
	int (*start)(struct cumulative *c);
	int (*flush)(struct cumulative *c);
	void (*stop)(struct cumulative *c);
	bool (*alive)(const struct cumulative *c);
	void (*cost)(const struct cumulative *c, struct armed_cost *out);
	void (*comment)(const struct cumulative *c, struct profile *p);
};

/* Those functions of struct armed_kind that all cumulative kinds share. */
#define CUMULATIVE_ARMED                                                                     \
	.create = cumulative_create, .destroy = cumulative_destroy, .cost = cumulative_cost, \
	.look = cumulative_look

/**
 * struct cumulative - one armed profile
 * @armed: what is armed; set before @start of the kind is called, but for @armed.engine, which that
 *	sets
 * @kind: what it counts
 * @engine: where events come from
 * @profile: all that was counted since it was armed
 * @places: what its mappings came from
 * @tally: how its stacks ended
 * @events: events that were counted
 * @overflow: events whose stack had no room
 *
 * The rest is private to cumulative.c.
 */
struct cumulative {
	struct armed armed;
	const struct cumulative_kind *kind;
	struct engine *engine;
	struct profile profile;
	struct places places;
	struct tally tally;
	uint64_t events;
	uint64_t overflow;

	struct buf rests; /* double, as profile.values: fractions that do not count yet */
	struct buf open;  /* struct snapshot_open */
	struct cumulative_request *requests;
	struct loop_timer exit_check;
	int64_t since_wall_ns;
	uint64_t started; /* start time of a TARGET_PID, which tells it from a later one */
	uint64_t ready;
	uint32_t full;
	unsigned int refs;
	bool flushing;
	bool stopped;
	bool checks_exit;
};

/**
 * struct cumulative_view - how a request looks at a profile
 * @kind: kind of profile
 * @name: of the file: "block"
 * @default_type: default_sample_type, or NULL
 * @filter: for @keep
 * @keep: whether samples with these labels are in the answer; NULL: all are
 * @text: ?debug=1: append the profile as text. @p has names; its values are those of the answer
 */
struct cumulative_view {
	const struct cumulative_kind *kind;
	const char *name;
	const char *default_type;
	uint64_t filter;
	bool (*keep)(const struct cumulative *c, const struct profile_label *labels, size_t n,
		     uint64_t filter);
	void (*text)(const struct cumulative *c, const struct profile *p, struct buf *out);
};

/**
 * cumulative_serve() - answer a request
 *
 * Takes ?seconds=, ?debug=, ?window=, ?lease=, ?rate= and ?kernel=. The request is answered, or
 * kept until its time has come or its client is gone.
 */
void cumulative_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		      const struct cumulative_view *view);

/** cumulative_stacks() - how many stacks are counted for a target, 0 when it is not armed */
unsigned int cumulative_stacks(const struct armed_list *l, const struct cumulative_kind *kind,
			       const struct target *target);

/*
 * For a kind's source.
 */

/** cumulative_label() - a label with a text; .key is 0, and the label to be left out, when there is
 * no text or no room for it */
struct profile_label cumulative_label(struct cumulative *c, const char *key, const char *text);

/**
 * cumulative_sample() - the sample of a stack with labels
 * @c: profile
 * @pid: whose user addresses
 * @s: stack
 * @labels: keys distinct; those with .key 0 are left out; at most PROFILE_LABELS_MAX - 1
 * @nlabels: how many
 *
 * A stack with guesses gets the label "unwind" as well.
 *
 * Return: its number; that of [profile full] when there is no room.
 */
uint32_t cumulative_sample(struct cumulative *c, pid_t pid, const struct stack *s,
			   const struct profile_label *labels, unsigned int nlabels);

/** cumulative_synthetic() - the sample of a stack that is one frame in brackets */
uint32_t cumulative_synthetic(struct cumulative *c, const char *frame,
			      const struct profile_label *labels, unsigned int nlabels);

/** cumulative_count() - add to a sample; fractions add up */
void cumulative_count(struct cumulative *c, uint32_t sample, const double *values);

/** cumulative_weigh() - a stack's program used so much of what the profile is about; the one with
 * most gives the profile its name */
void cumulative_weigh(struct cumulative *c, const struct stack *s, double weight);

/**
 * cumulative_open() - something goes on: from @flush of the kind only
 * @sample: where it counts until the next flush
 * @over: where it will be counted when it is over
 * @values: what it counts now
 * @carried: what of @values differences that begin now take off, see struct snapshot_open
 */
void cumulative_open(struct cumulative *c, uint32_t sample, uint32_t over, const double *values,
		     const double *carried);

/**
 * cumulative_move() - what was counted under one sample belongs to another one
 * @since: loop_now() when it was counted: differences that began later know it, and move it too
 */
void cumulative_move(struct cumulative *c, uint32_t from, uint32_t to, const int64_t *values,
		     uint64_t since);

/** cumulative_flushed() - everything that had happened when @flush was called is counted */
void cumulative_flushed(struct cumulative *c);

/** cumulative_check_exit() - a thread of the target has exited: perhaps it was the last */
void cumulative_check_exit(struct cumulative *c);

/* For struct armed_kind; see CUMULATIVE_ARMED. */
int cumulative_create(const struct armed_kind *kind, struct armed_list *l,
		      const struct armed_spec *spec, struct armed **out);
void cumulative_destroy(struct armed *a);
void cumulative_cost(const struct armed *a, struct armed_cost *out);
void cumulative_look(struct armed *a);

#endif /* KPPROF_CUMULATIVE_H */
