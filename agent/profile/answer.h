/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What every endpoint does with a request: parameters as Go takes them, refusals in Go's words,
 * comments that every profile has, and the answer as a profile or as text.
 */
#ifndef KPPROF_ANSWER_H
#define KPPROF_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../engine/stack.h"

struct buf;
struct engine;
struct http_request;
struct profile;
struct target;

/* A request may last so long, in seconds; a CPU profile lasts so long when it is not said. */
enum { SECONDS_MAX = 86400, SECONDS_DEFAULT = 30 };

/**
 * answer_cpu_seconds() - ?seconds= of a CPU profile
 *
 * Go takes anything that is no positive number for its default. Here that holds for what is no
 * number at all; a number that makes no sense is refused, because nobody wants to wait 30 s for a
 * typing error.
 *
 * Return: 0, or -EINVAL when the request was answered with 400.
 */
int answer_cpu_seconds(struct http_request *req, int64_t *seconds);

/**
 * answer_seconds() - ?seconds= and ?debug= of all other profiles
 * @seconds: out: 0 when it is not there
 * @debug: out: 0 when it is not there, no number, or negative
 *
 * Both at once are refused, as in Go.
 *
 * Return: 0, or -EINVAL when the request was answered with 400.
 */
int answer_seconds(struct http_request *req, int64_t *seconds, int64_t *debug);

/**
 * answer_number() - a parameter that is a number; @out is untouched when it is not there
 *
 * Return: 0, or -EINVAL when the request was answered with 400.
 */
int answer_number(struct http_request *req, const char *name, int64_t min, int64_t max,
		  int64_t *out);

/**
 * answer_time() - a parameter that is a time: a number, or one with ns, us, ms, s, m or h
 * @unit: nanoseconds that a number alone is multiplied by
 * @min: nanoseconds, as @max and @out; @out is untouched when the parameter is not there
 *
 * Return: 0, or -EINVAL when the request was answered with 400.
 */
int answer_time(struct http_request *req, const char *name, uint64_t unit, uint64_t min,
		uint64_t max, uint64_t *out);

/** time_parse() - such a time; 0 or -EINVAL */
int time_parse(const char *text, uint64_t unit, uint64_t *ns);

/**
 * answer_start_error() - answer that a capture could not be started
 * @what: "CPU profiling", as in Go's "Could not enable CPU profiling"
 * @why: what the engine says about -ENODEV
 */
void answer_start_error(struct http_request *req, const struct target *target, const char *what,
			int err, const char *why);

/** wall_clock_ns() - nanoseconds since 1970 */
int64_t wall_clock_ns(void);

/** comment_engine() - who made the profile, with what, and why not with the module */
void comment_engine(struct profile *p, const struct engine *e, enum kpprof_engine engine);

/**
 * struct tally - how the walks of a profile's stacks ended
 * @stacks: how many there were
 * @ends: how many ended so
 * @guessed: how many have a frame that was found by search
 */
struct tally {
	uint64_t stacks;
	uint64_t ends[KPPROF_ENDS_N];
	uint64_t guessed;
};

/** tally_add() - one more stack */
void tally_add(struct tally *t, const struct stack *s);

/** tally_all() - those of all profiles since the agent started */
const struct tally *tally_all(void);

/** comment_tally() - truncated and guessed stacks, by reason */
void comment_tally(struct profile *p, const struct tally *t);

/** answer_profile() - answer with a profile as ?format= says: that of pprof, as a file called
 * @name, or one for people */
void answer_profile(struct http_request *req, const struct profile *p, const char *name);

#endif /* KPPROF_ANSWER_H */
