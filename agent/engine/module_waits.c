// SPDX-License-Identifier: GPL-2.0-or-later
#include "module_waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "../image/store.h"
#include "kmod.h"

enum {
	/* A ring, and all of them together. */
	RING = 1 << 20,
	RING_MIN = 128 << 10,
	RINGS_TOTAL = 16 << 20,
};

/* How often the module is asked what it does about the cost: what it has done stays so for five
 * times that. */
#define ASK_NS (200 * NSEC_PER_MSEC)

static size_t ring_bytes(void)
{
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);
	size_t size = RING;

	while (size > RING_MIN && ncpus > 0 && size * (size_t)ncpus > RINGS_TOTAL)
		size /= 2;
	return size;
}

static int open_events(struct module_waits *m)
{
	struct event_spec specs[2];
	char filter[32];

	/* Stacks of CPU samples are for other rings. */
	snprintf(filter, sizeof(filter), "context == %d", KPPROF_CONTEXT_SCHED);
	specs[0] = kmod_event_spec(m->ids->sched, NULL);
	specs[1] = kmod_event_spec(m->ids->stack, filter);
	return engine_set_open(m->engine, specs, ARRAY_SIZE(specs), ring_bytes(),
			       module_sched_handle, m, &m->events);
}

static int create(struct engine *e)
{
	struct module_waits *m = calloc(1, sizeof(*m));
	int err;

	if (!m)
		return -ENOMEM;
	m->engine = e;
	m->ids = kmod_events(e->kmod);
	err = kmod_governor_read(e->kmod, &m->governor);
	if (!err)
		err = m->ids->sched ? open_events(m) : -EOPNOTSUPP;
	if (err) {
		snprintf(e->why, sizeof(e->why), "the module's trace event of waits: %s",
			 strerror(-err));
		free(m);
		return err;
	}
	e->module_waits = m;
	return 0;
}

static void destroy(struct module_waits *m)
{
	m->engine->module_waits = NULL;
	engine_set_close(m->engine, m->events);
	free(m->seen);
	free(m);
}

/* ---- what the module watches */

static struct module_arm arm_for(const struct wait_watch *w)
{
	const struct module_arm arm = {
		/* the bits have the same meaning on both sides */
		.what = w->what,
		.rate = w->rate_ns < KPPROF_RATE_MAX ? w->rate_ns : KPPROF_RATE_MAX,
		.box = w->target.kind == TARGET_BOX,
	};

	_Static_assert(WATCH_BLOCK == (int)KPPROF_WATCH_BLOCK &&
			       WATCH_MUTEX == (int)KPPROF_WATCH_MUTEX &&
			       WATCH_CREATE == (int)KPPROF_WATCH_CREATE,
		       "the same bits");
	return arm;
}

/* The module's watch that looks for what @w wants, made if there is none. */
static int arm_get(struct module_waits *m, const struct wait_watch *w, unsigned int *out)
{
	const struct module_arm want = arm_for(w);
	int err;

	for (*out = 0; *out < KPPROF_ARMS_MAX; ++*out) {
		struct module_arm *arm = &m->arms[*out];

		if (!arm->users || arm->what != want.what || arm->rate != want.rate ||
		    arm->box != want.box)
			continue;
		arm->users++;
		return 0;
	}
	err = kmod_arm_get(m->engine->kmod, out);
	if (err)
		return err;
	m->arms[*out] = want;
	m->arms[*out].users = 1;
	return 0;
}

static int watch_pids(struct module_waits *m, const struct wait_watch *w, const pid_t *pids,
		      size_t n)
{
	unsigned int i = ((const struct module_watch *)w->priv)->arm;
	const struct module_arm *arm = &m->arms[i];

	return kmod_watch(m->engine->kmod, i, arm->what, arm->rate, arm->box, pids, n);
}

static const struct wait_watch *other_with(const struct module_waits *m, const struct wait_watch *w,
					   pid_t pid)
{
	const struct module_watch *mine = w->priv;

	for (const struct wait_watch *o = m->engine->watches; o; o = o->next) {
		const struct module_watch *mw = o->priv;

		if (o != w && o->backend == &wait_backend_module && mw && mw->arm == mine->arm &&
		    members_has(&o->members, pid))
			return o;
	}
	return NULL;
}

/* Processes that no other watch of the same arm looks at; with the last one the arm goes. */
static void arm_put(struct module_waits *m, const struct wait_watch *w)
{
	unsigned int i = ((const struct module_watch *)w->priv)->arm;

	if (!--m->arms[i].users) {
		kmod_disarm(m->engine->kmod, i);
		return;
	}
	for (size_t k = 0; k < w->members.n && !m->arms[i].box; k++)
		if (!other_with(m, w, w->members.pids[k]))
			kmod_unwatch(m->engine->kmod, i, &w->members.pids[k], 1);
}

/* The unwind rows of what a process has mapped, and the module's knowledge of where. */
static void follow(struct engine *e, pid_t pid)
{
	struct process *p = processes_load(e->processes, pid);

	for (uint32_t i = 0; p && p->maps && i < p->maps->n; i++)
		if (p->maps->images[i])
			image_want_rows(p->maps->images[i]);
	if (p)
		follow_process(&e->follow, p);
}

/* ---- what it costs */

static void ask_governor(struct module_waits *m)
{
	struct kmod_governor now;
	uint64_t dropped;

	m->asked = loop_now();
	if (kmod_governor_read(m->engine->kmod, &now))
		return;
	dropped = now.dropped - m->governor.dropped;
	m->governor = now;
	for (struct wait_watch *w = m->engine->watches; w; w = w->next) {
		const struct module_watch *mw = w->priv;

		if (w->backend != &wait_backend_module || !mw)
			continue;
		w->lost += dropped;
		w->busy_ns = now.busy_ns - mw->busy_before;
		w->budget = now.budget;
		w->rate_now = kmod_slowed_rate(&now, w->rate_ns);
		if (w->rate_now > w->rate_most)
			w->rate_most = w->rate_now;
	}
}

/* ---- the backend */

static int watch(struct module_waits *m, struct wait_watch *w, struct module_watch *mw)
{
	int err = arm_get(m, w, &mw->arm);

	if (err)
		return err;
	w->priv = mw;
	ask_governor(m);
	mw->busy_before = m->governor.busy_ns;
	err = watch_pids(m, w, w->members.pids, w->members.n);
	if (err) {
		arm_put(m, w);
		w->priv = NULL;
		return err;
	}
	w->started = loop_now();
	for (size_t i = 0; i < w->members.n; i++)
		follow(m->engine, w->members.pids[i]);
	return 0;
}

static int begin(struct engine *e, struct wait_watch *w)
{
	struct module_watch *mw = calloc(1, sizeof(*mw));
	int err = mw ? 0 : -ENOMEM;

	if (!err && !e->module_waits)
		err = create(e);
	if (!err)
		err = watch(e->module_waits, w, mw);
	if (err) {
		free(mw);
		if (e->module_waits && !e->module_waits->users)
			destroy(e->module_waits);
		return err;
	}
	e->module_waits->users++;
	return 0;
}

static int start(struct engine *e, struct wait_watch *w)
{
	int err;

	/* What a thread did in the kernel is over when the module walks its stack. */
	if (w->kernel) {
		snprintf(e->why, sizeof(e->why), "it does not walk kernel stacks of waits");
		return -EOPNOTSUPP;
	}
	err = engine_kmod_open(e);
	if (err)
		return err;
	e->why[0] = '\0';
	err = begin(e, w);
	if (!err)
		return 0;
	if (!e->why[0])
		snprintf(e->why, sizeof(e->why), "the module refuses: %s",
			 *kmod_error(e->kmod) ? kmod_error(e->kmod) : strerror(-err));
	engine_kmod_unused(e);
	return err;
}

static void stop(struct engine *e, struct wait_watch *w)
{
	struct module_waits *m = e->module_waits;

	arm_put(m, w);
	free(w->priv);
	w->priv = NULL;
	if (!--m->users)
		destroy(m);
}

static void lost(struct engine *e)
{
	if (e->module_waits)
		module_sched_lost(e->module_waits, event_set_untold(e->module_waits->events));
}

static void ask(struct engine *e, struct wait_watch *w, struct wait_flush *f)
{
	ask_governor(e->module_waits);
	if (w->what & WATCH_BLOCK && f->open)
		module_open_ask(e->module_waits, w, f);
}

static void open_waits(struct engine *e, struct wait_watch *w, uint64_t now, struct wait_flush *f)
{
	(void)now;
	module_open_tell(e, w, f);
}

static void on_read(struct engine *e, uint64_t until)
{
	(void)until;
	if (e->module_waits && loop_now() - e->module_waits->asked > ASK_NS)
		ask_governor(e->module_waits);
}

static void joined(struct engine *e, pid_t pid)
{
	for (struct wait_watch *w = e->watches; w; w = w->next) {
		int err;

		if (w->backend != &wait_backend_module || !members_has(&w->members, pid))
			continue;
		err = watch_pids(e->module_waits, w, &pid, 1);
		if (err)
			log_warning("pid %d cannot be watched: %s", (int)pid, kmod_error(e->kmod));
	}
	follow(e, pid);
}

const struct wait_backend wait_backend_module = {
	.engine = KPPROF_ENGINE_MODULE,
	.start = start,
	.stop = stop,
	.lost = lost,
	.ask = ask,
	.open = open_waits,
	.read = on_read,
	.joined = joined,
};
