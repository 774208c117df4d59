// SPDX-License-Identifier: GPL-2.0-or-later
#include "armed.h"

#include <errno.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../engine/find.h"

const struct armed_kind *armed_kind_named(const char *name, size_t len)
{
	for (const struct armed_kind *const *k = armed_kinds; *k; k++)
		if (strlen((*k)->name) == len && memcmp((*k)->name, name, len) == 0)
			return *k;
	return NULL;
}

uint32_t armed_kinds_parse(const char *names)
{
	uint32_t bits = 0;

	for (;;) {
		size_t len = strcspn(names, ",");
		const struct armed_kind *k = armed_kind_named(names, len);

		if (!k)
			return 0;
		bits |= 1u << k->id;
		if (!names[len])
			return bits;
		names += len + 1;
	}
}

const char *armed_by_text(enum kpprof_armed_by by)
{
	static const char *const text[] = {
		[KPPROF_ARMED_BY_REQUEST] = "a request",
		[KPPROF_ARMED_BY_CONTROL] = "kpprofctl",
		[KPPROF_ARMED_BY_ENVIRONMENT] = "PPROF_ARM",
	};

	return (size_t)by < ARRAY_SIZE(text) ? text[by] : "";
}

static bool same_target(const struct target *a, const struct target *b)
{
	if (a->kind != b->kind)
		return false;
	return a->kind == TARGET_PID	? a->pid == b->pid
	       : a->kind == TARGET_COMM ? strcmp(a->comm, b->comm) == 0
					: true;
}

static bool serves(const struct armed *a, const struct armed_spec *spec)
{
	return a->spec.kind == spec->kind && same_target(&a->spec.target, &spec->target) &&
	       (spec->any_rate || a->spec.rate == spec->rate) &&
	       (spec->any_kernel || a->spec.kernel == spec->kernel);
}

struct armed *armed_find(const struct armed_list *l, const struct armed_spec *spec)
{
	struct armed *best = NULL;

	for (struct armed *a = l->first; a; a = a->next) {
		if (!serves(a, spec))
			continue;
		if (a->spec.rate == spec->rate && a->spec.kernel == spec->kernel)
			return a;
		best = a;
	}
	return best;
}

void armed_forget(struct armed_list *l, const struct armed_spec *spec)
{
	struct armed *a = armed_find(l, spec);

	if (!a)
		return;
	if (a->spec.kind->look)
		a->spec.kind->look(a);
	if (a->exited && process_alive(a->spec.target.pid))
		armed_end(a);
}

static void lease_over(struct loop_timer *t)
{
	armed_end((struct armed *)((char *)t - offsetof(struct armed, timer)));
}

static void set_lease(struct armed *a, uint32_t lease)
{
	struct loop *loop = engine_loop(a->list->engine);

	if (lease == LEASE_NONE) {
		a->until = 0;
		loop_timer_clear(loop, &a->timer);
		return;
	}
	a->until = loop_now() + lease * NSEC_PER_SEC;
	loop_timer_set(loop, &a->timer, lease * NSEC_PER_SEC);
}

void armed_renew(struct armed *a, uint32_t lease)
{
	if (a->until && (lease == LEASE_NONE || a->until < loop_now() + lease * NSEC_PER_SEC))
		set_lease(a, lease);
}

static int create(struct armed_list *l, const struct armed_spec *spec, struct armed **out)
{
	struct armed *a;
	unsigned int n = 0;
	int err;

	for (a = l->first; a; a = a->next)
		n++;
	if (n >= ARMED_MAX)
		return -ENOSPC;
	err = spec->kind->create(spec->kind, l, spec, &a);
	if (err)
		return err;
	a->list = l;
	a->timer.cb = lease_over;
	a->since = loop_now();
	a->next = l->first;
	l->first = a;
	*out = a;
	return 0;
}

int armed_start(struct armed_list *l, const struct armed_spec *spec, enum kpprof_armed_by by,
		uint32_t lease, struct armed **out)
{
	struct armed *a;
	int err;

	armed_forget(l, spec);
	a = armed_find(l, spec);
	if (a && a->exited)
		return -ESRCH;
	if (!a) {
		err = create(l, spec, &a);
		if (err)
			return err;
		a->by = by;
		set_lease(a, lease);
	} else if (by != KPPROF_ARMED_BY_REQUEST) {
		/* What is said by hand is the last word, also when it makes the lease shorter. */
		a->by = by;
		set_lease(a, lease);
	} else {
		armed_renew(a, lease);
	}
	if (out)
		*out = a;
	return 0;
}

void armed_end(struct armed *a)
{
	struct armed **at = &a->list->first;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	loop_timer_clear(engine_loop(a->list->engine), &a->timer);
	a->spec.kind->destroy(a);
}

unsigned int armed_stop(struct armed_list *l, uint32_t kinds, const struct target *target)
{
	unsigned int n = 0;

	for (struct armed *a = l->first, *next; a; a = next) {
		next = a->next;
		if ((kinds && !(kinds & 1u << a->spec.kind->id)) ||
		    (target && !same_target(&a->spec.target, target)))
			continue;
		armed_end(a);
		n++;
	}
	return n;
}

int64_t armed_lease(const struct armed *a)
{
	uint64_t now = loop_now();

	if (!a->until)
		return -1;
	return a->until > now ? (int64_t)((a->until - now) / NSEC_PER_SEC) : 0;
}
