// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../base/counters.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "../http/server.h"
#include "../image/store.h"
#include "answer.h"
#include "frames.h"
#include "model.h"
#include "places.h"
#include "resolve.h"

/* A profile larger than this says so, and counts what it left out. */
enum { PROFILE_BYTES_MAX = 24 << 20 };

/* Memory of the agent and of its worker together, in KiB, over which the profile mentions it. */
enum { MEMORY_WORTH_SAYING = 24 << 10 };

/**
 * struct cpu_request - one request for a CPU profile, from its start to its answer
 * @tally: what was delivered to the capture
 * @dropped: samples that the profile had no room for
 * @dropped_ns: their CPU time
 * @exited: the target's last process is gone
 */
struct cpu_request {
	struct engine *engine;
	struct loop *loop;
	struct http_request *req;
	struct loop_timer timer;
	struct cpu_capture capture;
	struct profile profile;
	struct places places;
	struct resolve *resolve;
	struct tally tally;
	uint64_t dropped;
	uint64_t dropped_ns;
	uint32_t key_thread;
	uint32_t key_pid;
	uint32_t key_tid;
	uint32_t key_ctx;
	uint32_t context_names[__KPPROF_CONTEXTS];
	struct profile_label label_guessed;
	bool exited;
};

static void request_free(struct cpu_request *r)
{
	loop_timer_clear(r->loop, &r->timer);
	places_deinit(&r->places);
	profile_deinit(&r->profile);
	free(r);
}

static void client_gone(void *ctx)
{
	struct cpu_request *r = ctx;

	if (r->resolve)
		resolve_cancel(r->resolve);
	else
		cpu_capture_cancel(r->engine, &r->capture);
	request_free(r);
}

static void on_sample(void *ctx, const struct cpu_sample *s)
{
	uint32_t stack[FRAMES_MAX];
	struct cpu_request *r = ctx;
	int64_t values[2] = {1, (int64_t)s->ns};
	int64_t thread = profile_string(&r->profile, s->thread);
	int64_t depth = frames_locate(&r->places, s->pid, &s->stack, stack);
	struct profile_label labels[5] = {
		{.key = r->key_thread, .str = thread > 0 ? (uint32_t)thread : 0},
		{.key = r->key_pid, .num = s->pid},
		{.key = r->key_tid, .num = s->tid},
	};
	/* A thread without a name is one that was gone before it could be asked. */
	unsigned int first = thread > 0 ? 0 : 1, n = 3;

	if (r->capture.engine == KPPROF_ENGINE_MODULE)
		labels[n++] = (struct profile_label){.key = r->key_ctx,
						     .str = r->context_names[s->context]};
	if (s->stack.guesses)
		labels[n++] = r->label_guessed;
	tally_add(&r->tally, &s->stack);
	counter_add(COUNTER_CPU_SAMPLES, 1);
	if (s->stack.process)
		places_weigh(&r->places, s->stack.process, s->stack.maps, s->ns);
	if (depth < 0 || profile_add(&r->profile, stack, (unsigned int)depth, labels + first,
				     n - first, values)) {
		r->dropped++;
		r->dropped_ns += s->ns;
	}
}

/* A sample of one synthetic frame: what the profile knows only the amount of. */
static void add_synthetic(struct cpu_request *r, const char *name, uint64_t count, uint64_t ns)
{
	int64_t values[2] = {(int64_t)count, (int64_t)ns};
	int64_t loc = profile_synthetic(&r->profile, name);
	uint32_t stack = (uint32_t)loc;

	if (count && loc >= 0)
		profile_add(&r->profile, &stack, 1, NULL, 0, values);
}

/*
 * The kernel says how many samples it lost, not whose they were: each capture of the same events is
 * charged in proportion to what it got of those that were not lost.
 */
static void add_lost(struct cpu_request *r)
{
	const struct cpu_capture *c = &r->capture;
	uint64_t share = c->lost;

	if (c->target.kind != TARGET_BOX && c->seen)
		share = (c->lost * r->tally.stacks + c->seen / 2) / c->seen;
	add_synthetic(r, "[lost samples]", share, share * c->period_ns);
	profile_comment(&r->profile,
			"lost samples: %llu of the whole box, %llu of them charged to this profile",
			(unsigned long long)c->lost, (unsigned long long)share);
	if (c->side_lost)
		profile_comment(&r->profile,
				"lost records about mappings and processes: %llu; some code may "
				"have no name",
				(unsigned long long)c->side_lost);
	if (c->throttled)
		profile_comment(&r->profile, "the kernel throttled the events %llu times",
				(unsigned long long)c->throttled);
}

static void add_comments(struct cpu_request *r)
{
	const struct cpu_capture *c = &r->capture;
	char text[128];

	comment_engine(&r->profile, r->engine, c->engine);
	profile_comment(&r->profile, "target: %s; event: %s at %u Hz on each CPU",
			target_describe(&c->target, text, sizeof(text)), c->event, c->hz);
	profile_comment(&r->profile, "samples: %llu", (unsigned long long)r->tally.stacks);
	add_lost(r);
	comment_tally(&r->profile, &r->tally);
	if (r->exited)
		profile_comment(&r->profile, "the target exited during the capture, after %.1f s",
				(double)r->profile.duration_ns / NSEC_PER_SEC);
	if (r->dropped)
		profile_comment(&r->profile,
				"samples without room in the profile: %llu, under [profile full]",
				(unsigned long long)r->dropped);
}

/* Large programs need more than a small box may like: it is said what, and what for. */
static void add_memory(struct cpu_request *r)
{
	pid_t worker = image_store_worker(engine_store(r->engine));
	long agent_kb = process_status(getpid(), "VmHWM");
	long worker_kb = worker ? process_status(worker, "VmHWM") : 0;

	if (agent_kb + worker_kb > MEMORY_WORTH_SAYING)
		profile_comment(&r->profile,
				"memory for the target's images: at the most %ld MB in the agent, "
				"%ld MB in its worker",
				agent_kb >> 10, worker_kb >> 10);
}

static void named(void *ctx)
{
	struct cpu_request *r = ctx;

	r->resolve = NULL;
	add_memory(r);
	answer_profile(r->req, &r->profile, "profile");
	request_free(r);
}

static void captured(void *ctx)
{
	struct cpu_request *r = ctx;
	int err;

	r->profile.duration_ns = (int64_t)(r->capture.end - r->capture.start);
	r->profile.max_bytes = 0;
	add_synthetic(r, "[profile full]", r->dropped, r->dropped_ns);
	add_comments(r);
	places_choose_main(&r->places);
	err = resolve_start(r->engine, &r->places, named, r, &r->resolve);
	if (err) {
		http_reply_error(r->req, http_status_of(err), "failed to collect profile: %s",
				 strerror(-err));
		request_free(r);
	}
}

static void target_exited(void *ctx)
{
	struct cpu_request *r = ctx;

	r->exited = true;
	cpu_capture_stop(r->engine, &r->capture);
}

static void time_is_up(struct loop_timer *t)
{
	struct cpu_request *r =
		(struct cpu_request *)((char *)t - offsetof(struct cpu_request, timer));

	cpu_capture_stop(r->engine, &r->capture);
}

/* Adds a string; 0, which no string but "" has, and remembers it when there is no memory. */
static uint32_t string(struct profile *p, const char *text, int *err)
{
	int64_t index = profile_string(p, text);

	if (index < 0)
		*err = (int)index;
	return index < 0 ? 0 : (uint32_t)index;
}

static int prepare_labels(struct cpu_request *r)
{
	static const char *const contexts[] = {
		[KPPROF_CONTEXT_TASK] = "task",
		[KPPROF_CONTEXT_SOFTIRQ] = "softirq",
		[KPPROF_CONTEXT_HARDIRQ] = "hardirq",
	};
	struct profile *p = &r->profile;
	int err = 0;

	r->key_thread = string(p, "thread", &err);
	r->key_pid = string(p, "pid", &err);
	r->key_tid = string(p, "tid", &err);
	r->key_ctx = string(p, "ctx", &err);
	for (unsigned int i = 0; i < __KPPROF_CONTEXTS; i++)
		r->context_names[i] = string(p, contexts[i], &err);
	r->label_guessed.key = string(p, "unwind", &err);
	r->label_guessed.str = string(p, "[guessed]", &err);
	return err;
}

static int profile_prepare(struct cpu_request *r, unsigned int hz)
{
	struct profile *p = &r->profile;

	places_init(&r->places, p);
	if (profile_init(p, PROFILE_BYTES_MAX))
		return -ENOMEM;
	p->sample_types[0] = (struct profile_value_type){"samples", "count"};
	p->sample_types[1] = (struct profile_value_type){"cpu", "nanoseconds"};
	p->nvalues = 2;
	p->period_type = p->sample_types[1];
	p->period = (int64_t)(NSEC_PER_SEC / hz);
	p->time_ns = wall_clock_ns();
	return prepare_labels(r);
}

static const char cpu_profiling[] = "CPU profiling";

void cpu_serve(struct engine *engine, struct http_request *req, const struct target *target)
{
	struct cpu_request *r;
	int64_t seconds, hz = HZ_DEFAULT;
	int err;

	if (answer_cpu_seconds(req, &seconds) || answer_number(req, "hz", HZ_MIN, HZ_MAX, &hz))
		return;
	r = calloc(1, sizeof(*r));
	if (!r) {
		answer_start_error(req, target, cpu_profiling, -ENOMEM, "");
		return;
	}
	r->engine = engine;
	r->loop = engine_loop(engine);
	r->req = req;
	r->timer.cb = time_is_up;
	err = profile_prepare(r, (unsigned int)hz);
	if (!err) {
		r->capture = (struct cpu_capture){
			.target = *target,
			.hz = (unsigned int)hz,
			.on_sample = on_sample,
			.on_target_exit = target_exited,
			.on_done = captured,
			.ctx = r,
		};
		err = cpu_capture_start(engine, &r->capture);
	}
	if (err) {
		answer_start_error(req, target, cpu_profiling, err, engine_why(engine));
		request_free(r);
		return;
	}
	r->profile.period = (int64_t)r->capture.period_ns;
	http_on_gone(req, client_gone, r);
	loop_timer_set(r->loop, &r->timer, (uint64_t)seconds * NSEC_PER_SEC);
}
