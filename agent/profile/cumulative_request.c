// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request for a cumulative profile. It waits (for the window, or between the two moments of a
 * difference), wants the counts brought up to now, and is answered when its locations are named.
 */
#include "cumulative_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../http/server.h"
#include "cumulative.h"
#include "resolve.h"

enum request_state {
	WAITS,	  /* for its timer */
	WANTS,	  /* the next flush */
	FLUSHING, /* the flush that runs is its own */
	NAMING,	  /* its values are there */
};

/**
 * struct cumulative_request - a request that waits
 * @seconds: of a difference, 0 for the total
 * @debug: text is wanted
 * @before: the beginning of a difference, once @has_before
 * @spent: what it had cost by then
 * @values: of the answer
 * @at: moment of the answer
 * @at_wall_ns: the same in nanoseconds since 1970
 */
struct cumulative_request {
	struct cumulative_request *next;
	struct cumulative *c;
	struct http_request *req;
	struct cumulative_view view;
	enum request_state state;
	struct loop_timer timer;
	int64_t seconds;
	int64_t debug;
	bool has_before;
	struct snapshot before;
	struct armed_cost spent;
	struct buf values;
	uint64_t at;
	int64_t at_wall_ns;
	struct resolve *resolve;
};

static void request_free(struct cumulative_request *r)
{
	struct cumulative_request **at = &r->c->requests;

	while (*at != r)
		at = &(*at)->next;
	*at = r->next;
	loop_timer_clear(engine_loop(r->c->engine), &r->timer);
	snapshot_deinit(&r->before);
	buf_deinit(&r->values);
	cumulative_put(r->c);
	free(r);
}

static void client_gone(void *ctx)
{
	struct cumulative_request *r = ctx;

	if (r->state == NAMING)
		resolve_cancel(r->resolve);
	request_free(r);
}

static void fail(struct cumulative_request *r, int err)
{
	http_reply_error(r->req, http_status_of(err), "failed to collect profile: %s",
			 strerror(-err));
	request_free(r);
}

/* ---- the answer */

static void comment_armed(const struct cumulative *c, struct profile *p)
{
	time_t since = (time_t)(c->since_wall_ns / (int64_t)NSEC_PER_SEC);
	const struct armed *a = &c->armed;
	char when[32] = "";
	struct tm tm;

	if (gmtime_r(&since, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	profile_comment(p, "armed since %s by %s", when, armed_by_text(a->by));
	if (a->until)
		profile_comment(p, "lease: %lld s left", (long long)armed_lease(a));
	else
		profile_comment(p, "lease: none");
}

/* What was told and what was not, in the time that the answer is about. */
static void comment_cost(const struct cumulative_request *r, struct profile *p)
{
	struct armed_cost cost = {0};

	cumulative_cost(&r->c->armed, &cost);
	profile_comment(p, "events: %llu", (unsigned long long)(cost.events - r->spent.events));
	profile_comment(p, "lost records: %llu", (unsigned long long)(cost.lost - r->spent.lost));
	if (r->spent.lost)
		profile_comment(p, "lost before that, since it was armed: %llu",
				(unsigned long long)r->spent.lost);
	profile_comment(p, "dropped by the governor: %llu",
			(unsigned long long)(cost.dropped - r->spent.dropped));
}

static void comment_all(const struct cumulative_request *r, struct profile *p)
{
	const struct cumulative *c = r->c;
	const struct armed *a = &c->armed;
	char text[128];

	comment_engine(p, c->engine, a->engine);
	profile_comment(p, "target: %s", target_describe(&a->spec.target, text, sizeof(text)));
	comment_armed(c, p);
	if (a->spec.kind->rate_unit)
		profile_comment(p, "rate: %llu %s", (unsigned long long)a->spec.rate,
				a->spec.kind->rate_unit);
	if (r->seconds)
		profile_comment(p, "difference over %.1f s",
				(double)(r->at - r->before.at) / NSEC_PER_SEC);
	comment_cost(r, p);
	comment_tally(p, &c->tally);
	if (c->overflow)
		profile_comment(p, "stacks without room in the profile: %llu, under [profile full]",
				(unsigned long long)c->overflow);
	if (a->exited)
		profile_comment(p, "the target has exited: this is what was seen until then");
	else if (c->stopped)
		profile_comment(p, "disarmed before the answer was due");
	if (c->kind->comment)
		c->kind->comment(c, p);
}

static void reply(struct cumulative_request *r, struct profile *p)
{
	static const struct http_header plain = {"Content-Type", "text/plain; charset=utf-8"};
	char name[64];

	if (r->debug) {
		_cleanup_buf_ struct buf text = {0};

		r->view.text(r->c, p, &text);
		http_reply(r->req, 200, &plain, 1, &text);
		return;
	}
	snprintf(name, sizeof(name), "%s%s", r->view.name, r->seconds ? "-delta" : "");
	answer_profile(r->req, p, name);
}

/* The armed profile with the values of the answer: those of samples that came since are 0. */
static void named(void *ctx)
{
	struct cumulative_request *r = ctx;
	struct cumulative *c = r->c;
	size_t want = (size_t)c->profile.samples.n * c->profile.nvalues * sizeof(int64_t);
	size_t more = want - r->values.len;
	void *rest = more ? buf_reserve(&r->values, more) : NULL;
	struct profile p;

	r->resolve = NULL;
	if (more && !rest) {
		fail(r, -ENOMEM);
		return;
	}
	if (more)
		memset(rest, 0, more);
	places_choose_main(&c->places);
	p = c->profile;
	p.values = r->values;
	p.comments = (struct intern){0};
	p.default_type = r->view.default_type;
	p.time_ns = r->at_wall_ns;
	p.duration_ns = r->seconds ? (int64_t)(r->at - r->before.at) : 0;
	comment_all(r, &p);
	reply(r, &p);
	intern_deinit(&p.comments);
	request_free(r);
}

/* Samples that were not asked for become 0. */
static void filter(struct cumulative_request *r)
{
	unsigned int nvalues = r->c->profile.nvalues;
	size_t n = r->values.len / sizeof(int64_t) / nvalues;

	for (size_t i = 0; r->view.keep && i < n; i++) {
		int64_t *v = (int64_t *)(void *)r->values.data + i * nvalues;
		size_t nlabels;
		const struct profile_label *labels =
			profile_labels(&r->c->profile, (uint32_t)i, &nlabels);

		if (!r->view.keep(r->c, labels, nlabels, r->view.filter))
			memset(v, 0, nvalues * sizeof(*v));
	}
}

static int collect(struct cumulative_request *r)
{
	struct cumulative *c = r->c;
	struct snapshot now;
	int err = snapshot_take(&now, &c->profile, &c->open, loop_now());

	r->at = now.at;
	r->at_wall_ns = wall_clock_ns();
	/* A difference that was ended before it began is one of nothing. */
	if (!err && r->seconds && !r->has_before)
		err = snapshot_take(&r->before, &c->profile, &c->open, now.at);
	if (!err)
		err = r->seconds
			      ? snapshot_difference(&r->before, &now, c->kind->gauges, &r->values)
			      : snapshot_total(&now, &r->values);
	snapshot_deinit(&now);
	if (!err)
		filter(r);
	return err;
}

static void finish(struct cumulative_request *r)
{
	int err = collect(r);

	loop_timer_clear(engine_loop(r->c->engine), &r->timer);
	r->state = NAMING;
	if (!err)
		err = resolve_start(r->c->engine, &r->c->places, named, r, &r->resolve);
	if (err)
		fail(r, err);
}

/* ---- on the way there */

/* The counts are up to now. */
static void arrived(struct cumulative_request *r)
{
	struct cumulative *c = r->c;
	int err;

	if (!r->seconds || r->has_before) {
		finish(r);
		return;
	}
	err = snapshot_take(&r->before, &c->profile, &c->open, loop_now());
	if (err) {
		fail(r, err);
		return;
	}
	r->has_before = true;
	cumulative_cost(&c->armed, &r->spent);
	r->state = WAITS;
	loop_timer_set(engine_loop(c->engine), &r->timer, (uint64_t)r->seconds * NSEC_PER_SEC);
}

static struct cumulative_request *in_state(const struct cumulative *c, enum request_state state)
{
	struct cumulative_request *r = c->requests;

	while (r && r->state != state)
		r = r->next;
	return r;
}

/* One flush serves all requests that want one when it begins. */
static void flush(struct cumulative *c)
{
	struct cumulative_request *r;

	if (c->flushing || c->stopped || !in_state(c, WANTS))
		return;
	for (r = c->requests; r; r = r->next)
		if (r->state == WANTS)
			r->state = FLUSHING;
	c->open.len = 0;
	c->flushing = true;
	if (c->kind->flush(c) && c->flushing)
		cumulative_flushed(c);
}

void cumulative_flushed(struct cumulative *c)
{
	struct cumulative_request *r;

	/* An answer may be the last user of what was disarmed. */
	cumulative_get(c);
	while ((r = in_state(c, FLUSHING)))
		arrived(r);
	c->flushing = false;
	flush(c);
	cumulative_put(c);
}

void requests_finish(struct cumulative *c)
{
	struct cumulative_request *r, *next;

	cumulative_get(c);
	for (r = c->requests; r; r = next) {
		next = r->next;
		if (r->state != NAMING)
			finish(r);
	}
	cumulative_put(c);
}

void requests_move(struct cumulative *c, uint32_t from, uint32_t to, const int64_t *values,
		   uint64_t since)
{
	for (struct cumulative_request *r = c->requests; r; r = r->next)
		if (r->has_before && r->state != NAMING && since <= r->before.at)
			snapshot_move(&r->before, from, to, values);
}

static void want(struct cumulative_request *r)
{
	struct cumulative *c = r->c;

	r->state = WANTS;
	if (c->stopped)
		finish(r);
	else
		flush(c);
}

static void time_is_up(struct loop_timer *t)
{
	want((struct cumulative_request *)((char *)t - offsetof(struct cumulative_request, timer)));
}

static void begin(struct cumulative_request *r)
{
	struct cumulative *c = r->c;
	uint64_t now = loop_now();

	if (!r->seconds && now < c->ready && !c->stopped) {
		r->state = WAITS;
		loop_timer_set(engine_loop(c->engine), &r->timer, c->ready - now);
		return;
	}
	want(r);
}

/* ---- a request comes */

struct asked {
	struct armed_spec spec;
	int64_t seconds;
	int64_t debug;
	uint64_t window;
	int64_t lease;
};

static int parse_rate(struct http_request *req, struct armed_spec *spec)
{
	const struct armed_kind *k = spec->kind;
	int64_t rate = (int64_t)k->rate_default;
	int err;

	spec->rate = k->rate_default;
	spec->any_rate = true;
	if (!k->rate_unit || !http_param(req, "rate"))
		return 0;
	spec->any_rate = false;
	if (strcmp(k->rate_unit, "ns") == 0)
		return answer_time(req, "rate", 1, k->rate_min, k->rate_max, &spec->rate);
	err = answer_number(req, "rate", (int64_t)k->rate_min, (int64_t)k->rate_max, &rate);
	spec->rate = (uint64_t)rate;
	return err;
}

static int parse(struct http_request *req, struct asked *a)
{
	const char *kernel = http_param(req, "kernel");
	uint64_t lease = LEASE_DEFAULT * NSEC_PER_SEC;
	int err = answer_seconds(req, &a->seconds, &a->debug);

	a->window = WINDOW_DEFAULT_NS;
	a->spec.any_kernel = !kernel;
	a->spec.kernel = kernel && strcmp(kernel, "0") != 0;
	if (!err)
		err = answer_time(req, "window", NSEC_PER_SEC, 0, SECONDS_MAX * NSEC_PER_SEC,
				  &a->window);
	if (!err)
		err = answer_time(req, "lease", NSEC_PER_SEC, NSEC_PER_SEC,
				  LEASE_MAX * NSEC_PER_SEC, &lease);
	if (!err)
		err = parse_rate(req, &a->spec);
	/* It begins when the request ends. */
	a->lease = (int64_t)(lease / NSEC_PER_SEC) + a->seconds;
	return err;
}

static int arm(struct armed_list *l, const struct asked *a, struct cumulative **out)
{
	struct armed *armed = armed_find(l, &a->spec);
	int err;

	if (armed) {
		armed_renew(armed, (uint32_t)a->lease);
		*out = (struct cumulative *)armed;
		return 0;
	}
	err = armed_start(l, &a->spec, KPPROF_ARMED_BY_REQUEST,
			  (uint32_t)(a->lease + (int64_t)(a->window / NSEC_PER_SEC)), &armed);
	if (err)
		return err;
	*out = (struct cumulative *)armed;
	(*out)->ready = loop_now() + a->window;
	return 0;
}

void cumulative_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		      const struct cumulative_view *view)
{
	struct asked a = {.spec = {.kind = &view->kind->armed, .target = *target}};
	struct cumulative_request *r;
	struct cumulative *c;
	int err;

	if (parse(req, &a))
		return;
	armed_forget(l, &a.spec);
	r = calloc(1, sizeof(*r));
	err = r ? arm(l, &a, &c) : -ENOMEM;
	if (err) {
		free(r);
		if (err == -ENOSPC)
			http_reply_error(req, 503,
					 "%d profiles are armed already: see kpprofctl "
					 "targets",
					 ARMED_MAX);
		else
			answer_start_error(req, target, view->kind->armed.name, err,
					   engine_why(l->engine));
		return;
	}
	*r = (struct cumulative_request){
		.next = c->requests,
		.c = cumulative_get(c),
		.req = req,
		.view = *view,
		.timer = {.cb = time_is_up},
		.seconds = a.seconds,
		.debug = a.debug,
	};
	c->requests = r;
	http_on_gone(req, client_gone, r);
	begin(r);
}
