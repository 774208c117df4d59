// SPDX-License-Identifier: GPL-2.0-or-later
#include "processes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "../engine/core.h"
#include "../engine/find.h"
#include "../image/store.h"
#include "allocator.h"
#include "filter.h"
#include "probes.h"
#include "watch.h"

struct heap_process *heap_process_find(const struct heap_watch *w, pid_t pid)
{
	struct heap_process *p = w->processes;

	while (p && p->pid != pid)
		p = p->next;
	return p;
}

void heap_process_lift(struct heap_process *p)
{
	if (p->probed.n)
		heap_module_lift(p->watch->module, p->pid);
	p->probed = (struct heap_probed){0};
	for (size_t i = 0; i < ALLOCATOR_PARTS; i++) {
		heap_probes_close(p->probes[i]);
		p->probes[i] = NULL;
	}
}

static void process_free(struct heap_process *p)
{
	heap_process_lift(p);
	allocator_cancel(p->search);
	allocator_put(p->allocator);
	free(p);
}

void heap_process_remove(struct heap_watch *w, struct heap_process *p)
{
	struct heap_process **at = &w->processes;

	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	process_free(p);
}

/* The module probes it, and has its mappings to walk stacks with. */
static int attach_module(struct heap_process *p)
{
	struct engine *e = p->watch->engine;
	struct process *process = processes_load(e->processes, p->pid);
	struct heap_probed probed;
	static const enum heap_which which[HEAP_PARTS] = {
		[HEAP_PART_ALL] = HEAP_PROBE_ALL,
		[HEAP_PART_ALLOCS] = HEAP_PROBE_ALLOCS,
		[HEAP_PART_FREES] = HEAP_PROBE_FREES,
	};
	enum heap_part part = p->watch->duty.part;
	int err = heap_module_probe(p->watch->module, p->pid, p->allocator, which[part], &probed);

	/* An allocator that frees nothing. */
	if (err == -ENOENT && part == HEAP_PART_FREES)
		return 0;
	if (err) {
		log_debug("the module: %s", heap_module_error(p->watch->module));
		return err;
	}
	p->probed = probed;
	if (process)
		follow_process(&e->follow, process);
	return 0;
}

static int attach_perf(struct heap_process *p)
{
	const struct allocator *a = p->allocator;
	int err = 0;

	for (size_t i = 0; i < a->nparts && !err; i++)
		err = heap_probes_open(p->watch->filter, p->pid, a->parts[i].image->fd,
				       a->parts[i].funcs, a->parts[i].n,
				       (uint32_t)i * ALLOC_FUNCS_MAX, &p->probes[i]);
	return err;
}

int heap_process_attach(struct heap_process *p)
{
	struct heap_watch *w = p->watch;
	const struct allocator *a = p->allocator;
	int err;

	if (!a || w->duty.part == HEAP_PART_NONE)
		return 0;
	err = w->module ? attach_module(p) : attach_perf(p);
	if (err) {
		heap_process_lift(p);
		w->error = err;
		log_warning("the allocator of pid %d, %s, cannot be probed: %s", (int)p->pid,
			    allocator_describe(a), strerror(-err));
		return err;
	}
	if (!w->started)
		w->started = loop_now();
	return 0;
}

static void found(void *ctx, struct allocator *a, int err, const char *where)
{
	struct heap_process *p = ctx;

	p->search = NULL;
	p->allocator = a;
	if (!err) {
		heap_process_attach(p);
		return;
	}
	p->watch->error = err;
	log_info("no allocator: %s", *where ? where : strerror(-err));
	/* The next rescan looks again. */
	if (err == -EAGAIN)
		heap_process_remove(p->watch, p);
}

int heap_process_add(struct heap_watch *w, pid_t pid)
{
	struct heap_process *p, *other;
	size_t n = 0;

	for (other = w->processes; other; other = other->next)
		n++;
	if (n >= HEAP_PROCESSES_MAX)
		return -ENOSPC;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->watch = w;
	p->pid = pid;
	p->cpu_ns = process_cpu_ns(pid);
	p->next = w->processes;
	w->processes = p;
	p->allocator = allocator_known(w->engine, pid);
	if (p->allocator)
		return heap_process_attach(p);
	return allocator_find(w->engine, pid, found, p, &p->search);
}
