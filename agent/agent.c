// SPDX-License-Identifier: GPL-2.0-or-later
#include "agent.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kmod/addr.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "box/buildids.h"
#include "box/bundle.h"
#include "box/metrics.h"
#include "box/overhead.h"
#include "box/pages.h"
#include "base/loop.h"
#include "base/memory.h"
#include "control/arming.h"
#include "control/control.h"
#include "engine/engine.h"
#include "engine/find.h"
#include "heap/probes.h"
#include "http/index.h"
#include "http/params.h"
#include "http/route.h"
#include "http/server.h"
#include "image/store.h"
#include "locks/quick.h"
#include "profile/armed.h"
#include "profile/block.h"
#include "profile/cmdline.h"
#include "profile/cpu.h"
#include "profile/deadlock.h"
#include "profile/format.h"
#include "profile/goroutine.h"
#include "profile/heap.h"
#include "profile/mutex.h"
#include "profile/symbol.h"
#include "profile/threadcreate.h"

struct agent {
	struct loop *loop;
	struct engine *engine;
	struct http_server *server;
	struct control *control;
	struct armed_list armed;
	struct target target;
	struct settings settings;
	char *addr; /* what the server listens on */
	/* PPROF_ARM, while its target is not there yet. */
	uint32_t arm;
	struct loop_timer arm_again;
};

#define ARM_AGAIN_NS (2 * NSEC_PER_SEC)

static void serve_index(const struct agent *a, struct http_request *req, const struct route *route)
{
	unsigned int counts[ENDPOINT_N] = {0};
	_cleanup_buf_ struct buf page = {0};
	int err;

	counts[ENDPOINT_GOROUTINE] = counts[ENDPOINT_THREAD] = find_threads(&route->target);
	counts[ENDPOINT_DEADLOCK] = quick_deadlocks(&route->target);
	counts[ENDPOINT_BLOCK] = cumulative_stacks(&a->armed, &block_profile, &route->target);
	counts[ENDPOINT_MUTEX] = cumulative_stacks(&a->armed, &mutex_profile, &route->target);
	counts[ENDPOINT_THREADCREATE] =
		cumulative_stacks(&a->armed, &threadcreate_profile, &route->target);
	err = index_page(route, counts, &page);
	if (err)
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
	else
		http_reply_html(req, &page);
}

static void serve_not_here(struct http_request *req, const struct route *route)
{
	http_reply_error(req, 501,
			 "%s is not served by kpprofd %s; this version has profile, goroutine, "
			 "deadlock, heap, allocs, block, mutex, threadcreate, cmdline and symbol",
			 endpoint_name(route->endpoint), KPPROF_VERSION);
}

/* Whether the target is there at all; one that is not is said so, whatever was asked about it. */
static bool check_target(struct http_request *req, const struct target *target)
{
	_cleanup_buf_ struct buf pids = {0};
	char name[128];
	int err;

	if (target->kind == TARGET_BOX)
		return true;
	err = find_processes(target, &pids);
	if (err == -ESRCH)
		http_reply_error(req, 404, "no such target: %s",
				 target_describe(target, name, sizeof(name)));
	else if (err)
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
	return !err;
}

/* Profiles that count on: they may be about a process that has exited since it was armed. */
static bool serve_armed(struct agent *a, struct http_request *req, const struct route *route)
{
	switch (route->endpoint) {
	case ENDPOINT_BLOCK:
		block_serve(&a->armed, req, &route->target);
		return true;
	case ENDPOINT_MUTEX:
		mutex_serve(&a->armed, req, &route->target);
		return true;
	case ENDPOINT_HEAP:
	case ENDPOINT_ALLOCS:
		heap_serve(&a->armed, req, &route->target, endpoint_name(route->endpoint));
		return true;
	case ENDPOINT_THREADCREATE:
		threadcreate_serve(&a->armed, req, &route->target);
		return true;
	default:
		return false;
	}
}

/* Whether there is room for a profile; otherwise what is only kept for later goes first. */
static bool check_memory(struct agent *a, struct http_request *req, enum endpoint endpoint)
{
	if (endpoint == ENDPOINT_INDEX || endpoint == ENDPOINT_CMDLINE || !memory_over())
		return true;
	image_store_trim(engine_store(a->engine));
	if (!memory_over())
		return true;
	http_reply_error(req, 503,
			 "no memory for another profile: %zu of %zu MB are taken (PPROF_MEMORY_MB)",
			 memory_own() >> 20, memory_cap() >> 20);
	return false;
}

static void serve(struct agent *a, struct http_request *req, const struct route *route)
{
	/* pprof gives up on a symbol request that fails, so that one has no target that is not
	 * there. */
	if (route->endpoint == ENDPOINT_SYMBOL) {
		symbol_serve(a->engine, req, &route->target);
		return;
	}
	if (!check_memory(a, req, route->endpoint))
		return;
	/* The verdict has formats of its own. */
	if (route->endpoint != ENDPOINT_DEADLOCK && !format_check(req))
		return;
	if (serve_armed(a, req, route) || !check_target(req, &route->target))
		return;
	switch ((int)route->endpoint) {
	case ENDPOINT_BUNDLE:
		bundle_serve(&a->armed, req, route);
		break;
	case ENDPOINT_BUILDIDS:
		buildids_serve(a->engine, req, &route->target);
		break;
	case ENDPOINT_INDEX:
		serve_index(a, req, route);
		break;
	case ENDPOINT_PROFILE:
		cpu_serve(a->engine, req, &route->target);
		break;
	case ENDPOINT_CMDLINE:
		cmdline_serve(req, &route->target);
		break;
	case ENDPOINT_DEADLOCK:
		deadlock_serve(a->engine, req, &route->target);
		break;
	case ENDPOINT_GOROUTINE:
	case ENDPOINT_THREAD:
		goroutine_serve(a->engine, &a->armed, req, &route->target);
		break;
	default:
		serve_not_here(req, route);
		break;
	}
}

static void handle(struct http_request *req, void *ctx)
{
	struct agent *a = ctx;
	struct route route;

	if (pages_serve(req) || overhead_serve(&a->armed, req) || metrics_serve(&a->armed, req))
		return;
	switch (route_parse(http_path(req), http_param(req, "pid"), http_param(req, "comm"),
			    &a->target, &route)) {
	case ROUTE_OK:
		if (http_method_check(req, route.endpoint == ENDPOINT_SYMBOL))
			serve(a, req, &route);
		break;
	case ROUTE_REDIRECT:
		http_reply_redirect(req, route.location);
		break;
	case ROUTE_UNKNOWN_PROFILE:
		http_reply_error(req, 404, "Unknown profile");
		break;
	case ROUTE_NOT_FOUND:
		http_reply_text(req, 404, "404 page not found\n");
		break;
	case ROUTE_BAD_TARGET:
		http_reply_error(req, 400, "%s", route.why);
		break;
	}
}

static void close_port(struct agent *a)
{
	if (a->server)
		log_info("no longer listening on %s", a->addr);
	/* Open requests are gone with it, and their captures with them. */
	http_server_destroy(a->server);
	a->server = NULL;
	free(a->addr);
	a->addr = NULL;
}

static int open_port(struct agent *a, const char *addr, char *why, size_t size)
{
	const struct http_config cfg = {
		.listen = settings_listen(&a->settings, addr),
		.access = settings_access(&a->settings),
	};
	_cleanup_free_ char *copy = strdup(addr);
	struct http_server *server;
	char text[256] = "";
	int err = copy ? 0 : -ENOMEM;

	if (!err)
		err = http_server_create(a->loop, &cfg, handle, a, text, sizeof(text), &server);
	if (err) {
		snprintf(why, size, "cannot listen on %s: %s", addr, *text ? text : strerror(-err));
		return err;
	}
	close_port(a);
	a->server = server;
	a->addr = take_ptr(copy);
	log_info("listening on %s", addr);
	if (a->settings.allow & KPPROF_ALLOW_PUBLIC)
		log_warning("PPROF_ALLOW_PUBLIC is set: whoever reaches %s sees everything on this "
			    "box",
			    addr);
	return 0;
}

/* The port of before stays open when the new one cannot be had. */
static int listen_on(void *ctx, const char *addr, char *why, size_t size)
{
	struct agent *a = ctx;

	if (!addr) {
		close_port(a);
		return 0;
	}
	if (a->addr && strcmp(a->addr, addr) == 0)
		return 0;
	return open_port(a, addr, why, size);
}

static const char *listening(void *ctx)
{
	const struct agent *a = ctx;

	return a->addr;
}

static void bound(void *ctx, struct buf *out)
{
	const struct agent *a = ctx;

	if (a->server)
		http_server_describe(a->server, out);
}

static int listen_first(struct agent *a, const char *addr)
{
	char why[256];
	int err = listen_on(a, addr, why, sizeof(why));

	if (err)
		log_error("%s", why);
	return err;
}

/* Arms what the agent was started for; a target that is not there yet is looked for again. */
static void arm_wanted(struct agent *a)
{
	const struct armed_spec spec = {.target = a->target, .any_rate = true, .any_kernel = true};
	char why[256] = "", text[128];
	int err = arming_kinds(&a->armed, a->arm, &spec, KPPROF_ARMED_BY_ENVIRONMENT,
			       &(uint32_t){LEASE_NONE}, why, sizeof(why));

	target_describe(&a->target, text, sizeof(text));
	if (err == -ESRCH)
		loop_timer_set(a->loop, &a->arm_again, ARM_AGAIN_NS);
	else if (err)
		log_error("%s cannot be armed: %s", text, why);
	else
		log_info("armed: %s", text);
}

static void arm_again(struct loop_timer *t)
{
	arm_wanted((struct agent *)((char *)t - offsetof(struct agent, arm_again)));
}

int agent_create(struct loop *loop, const struct agent_config *cfg, struct agent **out)
{
	struct agent *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	const struct control_ops ops = {
		.listen = listen_on,
		.listening = listening,
		.bound = bound,
		.lifetime = cfg->settings.lifetime,
		.ctx = a,
	};

	a->loop = loop;
	a->target = cfg->target;
	a->arm = cfg->arm;
	a->arm_again.cb = arm_again;
	a->settings = cfg->settings;
	err = engine_create(loop, &a->engine);
	a->armed.engine = a->engine;
	if (!err && cfg->addr)
		err = listen_first(a, cfg->addr);
	if (!err)
		err = control_create(loop, &a->armed, &ops, &a->control);
	if (err) {
		agent_destroy(a);
		return err;
	}
	if (a->arm)
		arm_wanted(a);
	*out = a;
	return 0;
}

void agent_destroy(struct agent *a)
{
	if (!a)
		return;
	/* Requests and what is armed first: they hold captures, and those hold the engine. */
	close_port(a);
	control_destroy(a->control);
	loop_timer_clear(a->loop, &a->arm_again);
	armed_stop(&a->armed, 0, NULL);
	heap_probes_settle();
	engine_destroy(a->engine);
	free(a);
}
