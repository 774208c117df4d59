// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Before a heap is armed by a request: its allocator is looked for, and without the module its
 * frees alone are counted for a moment, to know what probing would cost. What is armed already
 * answers at once.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "../heap/allocator.h"
#include "../heap/cost.h"
#include "../heap/module.h"
#include "../heap/probes.h"
#include "../http/server.h"
#include "../image/store.h"
#include "growth.h"
#include "heap.h"
#include "text.h"

/* So long frees are counted. */
#define LOOK_NS (100 * NSEC_PER_MSEC)

/* While other probes are taken out, new ones have to wait; for no longer than this. */
#define CLOSING_NS     (50 * NSEC_PER_MSEC)
#define CLOSING_MAX_NS (20 * NSEC_PER_SEC)

/**
 * struct heap_request - a request before its profile is armed
 * @view: how it will be answered
 * @search: for the allocator
 * @allocator: what was found
 * @filter: counts frees, with
 * @probes: on them
 * @from: when that began
 * @came: when the request came
 * @next: what is done when no probes are being taken out
 */
struct heap_request {
	struct armed_list *list;
	struct http_request *req;
	struct target target;
	struct cumulative_view view;
	bool force;
	pid_t pid;
	struct allocator_search *search;
	struct allocator *allocator;
	struct heap_filter *filter;
	struct heap_probes *probes;
	struct loop_timer timer;
	uint64_t from;
	uint64_t came;
	void (*next)(struct heap_request *r);
};

static void request_free(struct heap_request *r)
{
	allocator_cancel(r->search);
	loop_timer_clear(engine_loop(r->list->engine), &r->timer);
	heap_probes_close(r->probes);
	heap_filter_destroy(r->filter);
	allocator_put(r->allocator);
	engine_unuse(r->list->engine);
	free(r);
}

static void client_gone(void *ctx)
{
	request_free(ctx);
}

static void serve(struct armed_list *l, struct http_request *req, const struct target *target,
		  const struct cumulative_view *view, bool force)
{
	const struct armed_spec any = {.kind = &heap_profile.armed,
				       .target = *target,
				       .any_rate = true,
				       .any_kernel = true};
	struct armed *a;

	cumulative_serve(l, req, target, view);
	a = force ? armed_find(l, &any) : NULL;
	if (a)
		((struct heap *)a)->watch.force = true;
}

static void go(struct heap_request *r)
{
	struct heap_request copy = *r;

	http_on_gone(r->req, NULL, NULL);
	/* The engine remembers the allocator while it is used. */
	serve(copy.list, copy.req, &copy.target, &copy.view, copy.force);
	request_free(r);
}

static void refuse(struct heap_request *r, const struct heap_counts *c, double cost, double seconds)
{
	http_reply_error(
		r->req, 503,
		"the program frees %.0f times a second while that is probed, and probing its "
		"allocator would "
		"cost %.0f %% of a CPU (a hit of a probe costs %.2f us here); over %.0f %% "
		"it is done only with force=1; mode=growth costs next to nothing",
		(double)c->frees / seconds, 100 * cost, heap_hit_ns() / 1000,
		100 * HEAP_COST_REFUSE);
	request_free(r);
}

static void closed(struct loop_timer *t)
{
	struct heap_request *r =
		(struct heap_request *)((char *)t - offsetof(struct heap_request, timer));

	if (heap_probes_closing() && loop_now() < r->came + CLOSING_MAX_NS) {
		loop_timer_set(engine_loop(r->list->engine), &r->timer, CLOSING_NS);
		return;
	}
	r->next(r);
}

/* Opening a probe would wait for those that are being taken out, and everybody with it. */
static void when_closed(struct heap_request *r, void (*next)(struct heap_request *r))
{
	r->next = next;
	r->timer.cb = closed;
	closed(&r->timer);
}

static void looked(struct loop_timer *t)
{
	struct heap_request *r =
		(struct heap_request *)((char *)t - offsetof(struct heap_request, timer));
	const struct heap_counts zero = {0};
	uint64_t ns = loop_now() - r->from;
	struct heap_counts c;
	double cost;

	heap_filter_counts(r->filter, &c);
	/* What is freed was allocated: as often. */
	c.allocs = c.frees;
	cost = heap_cost(&zero, &c, ns);
	heap_probes_close(r->probes);
	r->probes = NULL;
	if (cost > HEAP_COST_REFUSE)
		refuse(r, &c, cost, (double)ns / NSEC_PER_SEC);
	else
		when_closed(r, go);
}

static int open_probe(struct heap_request *r)
{
	const struct allocator_part *part = &r->allocator->parts[0];
	size_t i = 0;
	int err;

	while (part->funcs[i].kind != ALLOC_FREE || part->funcs[i].flags & ALLOC_CXX)
		i++;
	err = heap_filter_create(HEAP_RATE_MAX, &r->filter);
	return err ? err
		   : heap_probes_open(r->filter, r->pid, part->image->fd, &part->funcs[i], 1, 0,
				      &r->probes);
}

/* Counts calls of free(3) for a moment. */
static int look(struct heap_request *r)
{
	int err = open_probe(r);

	if (err)
		return err;
	r->from = loop_now();
	r->timer.cb = looked;
	loop_timer_set(engine_loop(r->list->engine), &r->timer, LOOK_NS);
	return 0;
}

static void fail(struct heap_request *r, int err)
{
	/* It has ended meanwhile. */
	if (err == -ESRCH)
		answer_start_error(r->req, &r->target, "heap profiling", err, "");
	else if (err == -ENOENT || err == -ENOSYS || err == -EPERM || err == -EACCES)
		http_reply_error(r->req, 501,
				 "this kernel does not let allocators be probed (%s): it takes "
				 "CONFIG_UPROBE_EVENTS and CONFIG_BPF_EVENTS, and root or "
				 "CAP_PERFMON and CAP_BPF; mode=growth needs neither",
				 strerror(-err));
	else
		http_reply_error(r->req, http_status_of(err), "Could not enable heap profiling: %s",
				 strerror(-err));
	request_free(r);
}

/* Whether the module takes a heap arm: its probes have a governor, which needs no look ahead. */
static bool has_module(const struct heap_request *r)
{
	struct heap_module *m;

	if (heap_module_open(r->list->engine, HEAP_RATE_MAX, NULL, &m))
		return false;
	heap_module_close(m);
	return true;
}

static void begin_look(struct heap_request *r)
{
	int err;

	/* Measured once, and not while others are probed. */
	heap_hit_ns();
	if (has_module(r)) {
		go(r);
		return;
	}
	err = look(r);
	if (err)
		fail(r, err);
}

static void found(void *ctx, struct allocator *a, int err, const char *where)
{
	struct heap_request *r = ctx;

	r->search = NULL;
	r->allocator = a;
	if (err == -ENOENT || err == -EAGAIN) {
		http_reply_error(r->req, 409, "no allocator was found: %s; mode=growth needs none",
				 where);
		request_free(r);
		return;
	}
	if (err)
		fail(r, err);
	else
		when_closed(r, r->force ? go : begin_look);
}

static bool first_process(const struct target *target, pid_t *pid)
{
	_cleanup_buf_ struct buf pids = {0};

	if (find_processes(target, &pids) || pids.len < sizeof(*pid))
		return false;
	memcpy(pid, pids.data, sizeof(*pid));
	return true;
}

static void begin(struct armed_list *l, struct http_request *req, const struct target *target,
		  const struct cumulative_view *view, bool force)
{
	struct heap_request *r = calloc(1, sizeof(*r));
	int err;

	if (!r) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	*r = (struct heap_request){
		.list = l, .req = req, .target = *target, .view = *view, .force = force};
	r->came = loop_now();
	engine_use(l->engine);
	err = first_process(target, &r->pid) ? 0 : -ESRCH;
	if (!err)
		err = allocator_find(l->engine, r->pid, found, r, &r->search);
	if (err) {
		if (err == -ESRCH)
			answer_start_error(req, target, "heap profiling", err, "");
		else if (err == -ENOENT)
			http_reply_error(req, 409,
					 "no allocator was found: the process has no "
					 "program; mode=growth needs none");
		else
			http_reply_error(req, http_status_of(err),
					 "Could not enable heap profiling: %s", strerror(-err));
		request_free(r);
		return;
	}
	http_on_gone(req, client_gone, r);
}

static bool is_set(struct http_request *req, const char *name)
{
	const char *v = http_param(req, name);

	return v && *v && strcmp(v, "0") != 0;
}

static void text(const struct cumulative *c, const struct profile *p, struct buf *out)
{
	text_heap(p, c->armed.spec.rate, out);
}

void heap_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		const char *name)
{
	const struct armed_spec any = {.kind = &heap_profile.armed,
				       .target = *target,
				       .any_rate = true,
				       .any_kernel = true};
	const char *mode = http_param(req, "mode");
	const struct cumulative_view view = {
		.kind = &heap_profile,
		.name = name,
		.default_type = strcmp(name, "allocs") == 0 ? "alloc_space" : NULL,
		.filter = is_set(req, "raw"),
		.keep = heap_memory_keep,
		.text = text,
	};

	if (target->kind == TARGET_BOX) {
		http_reply_error(req, 400,
				 "a heap is one program's: ask for /pid/PID/debug/pprof/%s or "
				 "/comm/NAME/debug/pprof/%s",
				 name, name);
		return;
	}
	if (mode && strcmp(mode, "growth") == 0) {
		growth_serve(l, req, target, name, is_set(req, "raw"));
		return;
	}
	if (armed_find(l, &any))
		serve(l, req, target, &view, is_set(req, "force"));
	else
		begin(l, req, target, &view, is_set(req, "force"));
}
