// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <errno.h>
#include <stdio.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "../control/module.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "allocator.h"
#include "cost.h"
#include "growth.h"
#include "module.h"
#include "perf.h"
#include "probes.h"
#include "processes.h"
#include "samples.h"

static void count_lost(struct heap_watch *w)
{
	struct event_set *set = w->module ? heap_module_events(w->module) : w->set;

	if (set)
		heap_watch_lost(w, event_set_untold(set));
}

static void unlink_watch(struct engine *e, struct heap_watch *w)
{
	struct heap_watch **at = &e->heaps;

	while (*at && *at != w)
		at = &(*at)->next;
	if (*at)
		*at = w->next;
}

void heap_watch_stop(struct engine *e, struct heap_watch *w)
{
	while (w->processes)
		heap_process_remove(w, w->processes);
	unlink_watch(e, w);
	heap_samples_forget(w);
	engine_set_close(e, w->set);
	growth_close(w);
	heap_duty_stop(w);
	heap_module_close(w->module);
	w->module = NULL;
	heap_filter_destroy(w->filter);
	blocks_deinit(&w->blocks);
	members_deinit(&w->members);
	engine_read_end(e);
}

static int add_members(struct heap_watch *w)
{
	int err = 0, first = 0;
	size_t good = 0;

	for (size_t i = 0; i < w->members.n; i++) {
		/* Their mappings are followed from here on. */
		processes_load(w->engine->processes, w->members.pids[i]);
		err = w->growth ? 0 : heap_process_add(w, w->members.pids[i]);
		good += !err;
		first = first ? first : err;
	}
	return good ? 0 : first;
}

/* The module's heap arms; without them BPF programs on perf's events, unless that is not wanted. */
static int open_source(struct heap_watch *w)
{
	int err = heap_module_open(w->engine, w->rate, w, &w->module);

	if (!err || module_mode() == ENGINE_MODULE)
		return err ? -ENODEV : 0;
	snprintf(w->why, sizeof(w->why), "%s", engine_why(w->engine));
	return heap_perf_open(w);
}

int heap_watch_start(struct engine *e, struct heap_watch *w)
{
	int err;

	w->engine = e;
	w->members = (struct members){0};
	w->blocks = (struct blocks){.max = 2 * HEAP_LIVE_MAX};
	w->last_at = loop_now();
	if (w->target.kind == TARGET_BOX && !w->growth)
		return -EINVAL;
	err = members_find(&w->members, &w->target);
	if (!err)
		err = engine_read_begin(e);
	if (err) {
		members_deinit(&w->members);
		return err;
	}
	w->next = e->heaps;
	e->heaps = w;
	err = w->growth ? growth_open(w) : open_source(w);
	if (!err)
		err = add_members(w);
	if (err)
		heap_watch_stop(e, w);
	else if (w->module)
		heap_duty_start(w);
	return err;
}

void heap_watch_flush(struct heap_watch *w, void (*flushed)(void *ctx))
{
	count_lost(w);
	if (w->growth)
		growth_check(w);
	else
		heap_samples_reconcile(w);
	w->flushed = flushed;
	w->flush_at = UINT64_MAX;
	if (!w->module || !heap_duty_round(w))
		heap_watch_round(w);
}

void heap_watch_round(struct heap_watch *w)
{
	if (!w->flushed || w->flush_at != UINT64_MAX)
		return;
	w->flush_at = loop_now();
	engine_drain_in(w->engine, SETTLE_NS + NSEC_PER_MSEC);
}

void heap_watch_counts(const struct heap_watch *w, struct heap_counts *out)
{
	*out = (struct heap_counts){0};
	if (w->module)
		heap_module_counts(w->module, out);
	else if (w->filter)
		heap_filter_counts(w->filter, out);
}

const char *heap_watch_describe(const struct heap_watch *w)
{
	for (const struct heap_process *p = w->processes; p; p = p->next)
		if (p->allocator)
			return allocator_describe(p->allocator);
	return "";
}

void heap_watch_probes(const struct heap_watch *w, unsigned int *n, unsigned int *stepped)
{
	*n = *stepped = 0;
	for (const struct heap_process *p = w->processes; p; p = p->next) {
		*n += p->probed.n;
		*stepped += p->probed.stepped;
		for (size_t i = 0; i < ALLOCATOR_PARTS; i++) {
			if (!p->probes[i])
				continue;
			*n += heap_probes_count(p->probes[i]);
			*stepped += heap_probes_stepped(p->probes[i]);
		}
	}
}

/* A child's memory is a copy of its parent's, and its allocations are its own from there on. */
void heaps_fork(struct engine *e, pid_t ppid, pid_t pid, uint64_t time)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next)
		if (w->target.kind == TARGET_COMM)
			members_fork(&w->members, ppid, pid, time);
}

/* The process has no memory any more. */
static void leave(struct heap_watch *w, pid_t pid)
{
	struct heap_process *p = heap_process_find(w, pid);

	heap_samples_leave(w, pid);
	if (p)
		heap_process_remove(w, p);
}

void heaps_comm(struct engine *e, pid_t pid, const char *name, bool exec)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next) {
		members_exec(&w->members, pid, name);
		if (!exec || !heap_process_find(w, pid))
			continue;
		leave(w, pid);
		/* Another program, perhaps with another allocator: looked for at the next rescan.
		 */
	}
}

void heaps_exit(struct engine *e, pid_t pid)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next) {
		if (!members_has(&w->members, pid))
			continue;
		if (w->target.kind == TARGET_COMM && !process_alive(pid))
			leave(w, pid);
		if (w->on_exit)
			w->on_exit(w->ctx);
	}
}

void heaps_side_lost(struct engine *e, uint64_t lost)
{
	for (struct heap_watch *w = e->heaps; w; w = w->next)
		w->side_lost += lost;
}

void heaps_read(struct engine *e, uint64_t until)
{
	struct heap_watch *w = e->heaps;

	while (w) {
		void (*flushed)(void *ctx) = w->flushed;

		if (!flushed || w->flush_at > until || w->held) {
			w = w->next;
			continue;
		}
		w->flushed = NULL;
		flushed(w->ctx);
		/* The callback may have started or ended others. */
		w = e->heaps;
	}
}

static void check_cost(struct heap_watch *w, uint64_t now)
{
	struct heap_counts c;

	heap_watch_counts(w, &c);
	w->cost = heap_cost(&w->last, &c, now - w->last_at);
	w->last = c;
	w->last_at = now;
	if (w->force || w->cost < HEAP_COST_LIFT || w->lifted)
		return;
	w->lifted = now;
	log_warning("heap probes cost %.0f %% of a CPU and are taken out", 100 * w->cost);
	for (struct heap_process *p = w->processes; p; p = p->next)
		heap_process_lift(p);
}

static void rescan(struct heap_watch *w, uint64_t now)
{
	if (w->growth) {
		growth_check(w);
		return;
	}
	if (w->filter)
		heap_perf_rescan(w);
	heap_samples_sweep(w, now);
	/* The module's probes have their governor. */
	if (!w->module)
		check_cost(w, now);
	for (size_t i = 0; i < w->members.n && !w->lifted; i++)
		if (!heap_process_find(w, w->members.pids[i]) && process_alive(w->members.pids[i]))
			heap_process_add(w, w->members.pids[i]);
}

void heaps_rescan(struct engine *e)
{
	uint64_t now = loop_now();

	for (struct heap_watch *w = e->heaps; w; w = w->next)
		rescan(w, now);
}
