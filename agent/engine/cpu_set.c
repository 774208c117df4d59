// SPDX-License-Identifier: GPL-2.0-or-later
#include "cpu_set.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../control/module.h"
#include "clock.h"
#include "core.h"
#include "kmod.h"

enum {
	/* Rates in use at the same time; another one shares the events of the nearest. */
	SETS_MAX = KPPROF_ARMS_MAX,
	/* What a ring holds of samples with their stacks: so long an agent may open events for
	 * somebody else. The module's are small, but for the first ones. */
	RING_MS = 500,
	RING_MODULE_MS = 250,
};

/* A set that can be shared: the module samples the whole box, or chosen processes. */
static bool serves(const struct cpu_set *s, bool box)
{
	return !s->module || s->box == box;
}

static struct cpu_set *nearest_set(struct engine *e, unsigned int hz, bool box)
{
	struct cpu_set *best = NULL;

	for (struct cpu_set *s = e->cpu_sets; s; s = s->next)
		if (serves(s, box) &&
		    (!best || abs((int)s->hz - (int)hz) < abs((int)best->hz - (int)hz)))
			best = s;
	return best;
}

/* The events of other arms are for other rings. */
static int open_module_events(struct engine *e, struct cpu_set *s)
{
	struct event_spec specs[2];
	char filter[64];

	snprintf(filter, sizeof(filter), "arm == %u && context < %d", s->arm, __KPPROF_CONTEXTS);
	specs[0] = kmod_event_spec(s->module->cpu, filter);
	specs[1] = kmod_event_spec(s->module->stack, filter);
	return engine_set_open(e, specs, ARRAY_SIZE(specs), clock_ring_bytes(s->hz, RING_MODULE_MS),
			       s->handle, s, &s->events);
}

/* The rings first: what the module samples from its first moment on is read. */
static int open_module_set(struct engine *e, struct cpu_set *s)
{
	int err;

	s->cycles = clock_counts_cycles();
	s->module = kmod_events(e->kmod);
	err = kmod_arm_get(e->kmod, &s->arm);
	if (err) {
		snprintf(e->why, sizeof(e->why), "all arms of the module are in use");
		return err;
	}
	err = open_module_events(e, s);
	if (err) {
		kmod_arm_put(e->kmod, s->arm);
		snprintf(e->why, sizeof(e->why), "the module's trace events: %s", strerror(-err));
		return err;
	}
	err = kmod_arm(e->kmod, s->arm, s->hz, s->box, &s->cycles);
	if (err) {
		snprintf(e->why, sizeof(e->why), "the module refuses: %s",
			 *kmod_error(e->kmod) ? kmod_error(e->kmod) : strerror(-err));
		kmod_arm_put(e->kmod, s->arm);
		engine_set_close(e, s->events);
	}
	return err;
}

/* True when the module is there for this set; e->why says why not. */
static bool try_module(struct engine *e, struct cpu_set *s)
{
	if (engine_kmod_open(e))
		return false;
	if (!open_module_set(e, s)) {
		e->why[0] = '\0';
		return true;
	}
	s->module = NULL;
	engine_kmod_unused(e);
	return false;
}

static int open_clock(struct engine *e, struct cpu_set *s)
{
	struct event_spec spec = {.filter = NULL};

	clock_attr(&spec.attr, s->hz, s->cycles);
	return engine_set_open(e, &spec, 1, clock_ring_bytes(s->hz, RING_MS), s->handle, s,
			       &s->events);
}

static int open_set(struct engine *e, struct cpu_set *s)
{
	int err;

	if (try_module(e, s))
		return 0;
	if (module_mode() == ENGINE_MODULE)
		return -ENODEV;
	log_info("without the module: %s", e->why);
	s->cycles = clock_counts_cycles();
	err = open_clock(e, s);
	/* Counters that others hold, or a rate over what the kernel allows for them: the clock
	 * still goes. */
	if (err && s->cycles) {
		s->cycles = false;
		err = open_clock(e, s);
	}
	return err;
}

static int set_create(struct engine *e, unsigned int hz, bool box, cpu_set_handler handle,
		      struct cpu_set **out)
{
	struct cpu_set *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->engine = e;
	s->hz = hz;
	s->box = box;
	s->handle = handle;
	err = open_set(e, s);
	if (err) {
		free(s);
		return err;
	}
	s->unit_ns = clock_unit_ns(s->cycles);
	s->next = e->cpu_sets;
	e->cpu_sets = s;
	*out = s;
	return 0;
}

int cpu_set_get(struct engine *e, unsigned int hz, bool box, cpu_set_handler handle,
		struct cpu_set **out)
{
	struct cpu_set *s;
	unsigned int n = 0;
	int err;

	for (s = e->cpu_sets; s && (s->hz != hz || !serves(s, box)); s = s->next)
		n++;
	if (!s && n >= SETS_MAX)
		s = nearest_set(e, hz, box);
	if (!s && n >= SETS_MAX)
		return -EBUSY;
	if (!s) {
		err = set_create(e, hz, box, handle, &s);
		if (err)
			return err;
	}
	s->users++;
	*out = s;
	return 0;
}

void cpu_set_put(struct engine *e, struct cpu_set *set)
{
	struct cpu_set **at = &e->cpu_sets;

	if (--set->users)
		return;
	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	if (set->module)
		kmod_disarm(e->kmod, set->arm);
	engine_set_close(e, set->events);
	free(set);
}
