// SPDX-License-Identifier: GPL-2.0-or-later
#include "arming.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../profile/armed_cpu.h"
#include "message.h"
#include "usersock.h"

/* ---- ARM */

static int target_of(const struct message *m, struct target *t, char *why, size_t size)
{
	const char *comm = message_str(m, KPPROF_A_COMM);

	*t = (struct target){.kind = TARGET_BOX};
	if (m->attr[KPPROF_A_BOX])
		return 0;
	if (comm && !target_comm_set(t, comm)) {
		t->kind = TARGET_COMM;
		return 0;
	}
	t->kind = TARGET_PID;
	t->pid = (pid_t)message_u32(m, KPPROF_A_PID, 0);
	if (t->pid > 0 && t->pid <= TARGET_PID_MAX)
		return 0;
	snprintf(why, size, "a process, a name or the box must be named");
	return -EINVAL;
}

static int check_rate(const struct armed_kind *k, struct armed_spec *spec, char *why, size_t size)
{
	if (spec->any_rate)
		spec->rate = k->rate_default;
	if (!k->rate_unit || (spec->rate >= k->rate_min && spec->rate <= k->rate_max))
		return 0;
	snprintf(why, size, "%s: rate from %llu to %llu %s", k->name,
		 (unsigned long long)k->rate_min, (unsigned long long)k->rate_max, k->rate_unit);
	return -EINVAL;
}

static void explain(const struct armed_list *l, const struct armed_kind *k, int err, char *why,
		    size_t size)
{
	if (err == -ENODEV)
		snprintf(why, size, "%s: %s", k->name, engine_why(l->engine));
	else if (err == -ESRCH)
		snprintf(why, size, "no such process");
	else if (err == -ENOSPC)
		snprintf(why, size, "%d profiles are armed already", ARMED_MAX);
	else
		snprintf(why, size, "%s: %s", k->name, strerror(-err));
}

int arming_kinds(struct armed_list *l, uint32_t kinds, const struct armed_spec *wanted,
		 enum kpprof_armed_by by, const uint32_t *lease, char *why, size_t size)
{
	struct armed *fresh[__KPPROF_KINDS];
	unsigned int nfresh = 0;
	int err = 0;

	for (const struct armed_kind *const *k = armed_kinds; *k && !err; k++) {
		struct armed_spec spec = *wanted;
		struct armed *had, *a;

		if (!(kinds & 1u << (*k)->id))
			continue;
		spec.kind = *k;
		err = check_rate(*k, &spec, why, size);
		if (err)
			break;
		had = armed_find(l, &spec);
		err = armed_start(l, &spec, by, lease ? *lease : (*k)->lease_default, &a);
		if (err)
			explain(l, *k, err, why, size);
		else if (!had)
			fresh[nfresh++] = a;
	}
	while (err && nfresh)
		armed_end(fresh[--nfresh]);
	return err;
}

/* KPPROF_A_HZ is the rate of CPU samples, KPPROF_A_RATE that of everything else. */
static void rate_of(const struct message *m, uint32_t kinds, struct armed_spec *spec)
{
	bool cpu = kinds == 1u << KPPROF_KIND_CPU;

	spec->any_rate = !m->attr[cpu ? KPPROF_A_HZ : KPPROF_A_RATE];
	spec->rate = cpu ? message_u32(m, KPPROF_A_HZ, 0) : message_u64(m, KPPROF_A_RATE);
}

static int check_kinds(uint32_t kinds, char *why, size_t size)
{
	uint32_t known = 0;

	for (const struct armed_kind *const *k = armed_kinds; *k; k++)
		known |= 1u << (*k)->id;
	if (kinds && !(kinds & ~known))
		return 0;
	snprintf(why, size, "a kind that this agent does not have");
	return -EINVAL;
}

int arming_arm(struct armed_list *l, const struct message *m, struct usersock_reply *r)
{
	uint32_t kinds = message_u32(m, KPPROF_A_KINDS, 1u << KPPROF_KIND_CPU);
	uint32_t lease = message_u32(m, KPPROF_A_LEASE, 0);
	struct armed_spec spec = {
		.kernel = m->attr[KPPROF_A_KERNEL],
		.any_kernel = !m->attr[KPPROF_A_KERNEL],
	};
	int err = target_of(m, &spec.target, r->why, sizeof(r->why));

	if (!err)
		err = check_kinds(kinds, r->why, sizeof(r->why));
	if (!err && lease > LEASE_MAX) {
		snprintf(r->why, sizeof(r->why), "lease from 1 to %d s", LEASE_MAX);
		err = -EINVAL;
	}
	if (err)
		return err;
	rate_of(m, kinds, &spec);
	return arming_kinds(l, kinds, &spec, KPPROF_ARMED_BY_CONTROL,
			    m->attr[KPPROF_A_LEASE] ? &lease : NULL, r->why, sizeof(r->why));
}

/* ---- DISARM */

int arming_disarm(struct armed_list *l, const struct message *m, struct usersock_reply *r)
{
	uint32_t kinds = message_u32(m, KPPROF_A_KINDS, 0);
	bool named = m->attr[KPPROF_A_PID] || m->attr[KPPROF_A_BOX] || m->attr[KPPROF_A_COMM];
	struct target target;
	int err = named ? target_of(m, &target, r->why, sizeof(r->why)) : 0;

	if (err)
		return err;
	if (armed_stop(l, kinds, named ? &target : NULL) || (!named && !kinds))
		return 0;
	snprintf(r->why, sizeof(r->why), "this is not armed");
	return -ENOENT;
}

/* ---- TARGETS */

static void put_target(struct usersock_reply *r, const struct target *t)
{
	usersock_put_flag(r, KPPROF_A_BOX, t->kind == TARGET_BOX);
	if (t->kind == TARGET_PID)
		usersock_put_u32(r, KPPROF_A_PID, (uint32_t)t->pid);
	if (t->kind == TARGET_COMM)
		usersock_put_str(r, KPPROF_A_COMM, t->comm);
}

static void put_rate(struct usersock_reply *r, const struct armed_spec *spec)
{
	if (spec->kind->id == KPPROF_KIND_CPU)
		usersock_put_u32(r, KPPROF_A_HZ, (uint32_t)spec->rate);
	else if (spec->kind->rate_unit)
		usersock_put_u64(r, KPPROF_A_RATE, spec->rate);
	usersock_put_flag(r, KPPROF_A_KERNEL, spec->kernel);
}

static void put_armed(struct usersock_reply *r, const struct armed *a)
{
	struct armed_cost cost = {0};
	int64_t lease = armed_lease(a);

	a->spec.kind->cost(a, &cost);
	put_target(r, &a->spec.target);
	usersock_put_u32(r, KPPROF_A_KINDS, 1u << a->spec.kind->id);
	put_rate(r, &a->spec);
	usersock_put_u32(r, KPPROF_A_ENGINE, a->engine);
	usersock_put_u32(r, KPPROF_A_BY, a->by);
	if (lease >= 0)
		usersock_put_u32(r, KPPROF_A_LEASE, (uint32_t)lease);
	usersock_put_u64(r, KPPROF_A_EVENTS, cost.events);
	usersock_put_u64(r, KPPROF_A_LOST, cost.lost);
	usersock_put_u64(r, KPPROF_A_DROPPED, cost.dropped);
	if (cost.cpu_known)
		usersock_put_u64(r, KPPROF_A_BUSY_NS, cost.cpu_ns);
	usersock_put_flag(r, KPPROF_A_EXITED, a->exited);
	usersock_next(r);
}

struct listing {
	const struct armed_list *armed;
	struct usersock_reply *reply;
};

/* The captures of requests for CPU profiles; the others are among what is armed. */
static void put_capture(void *ctx, const struct cpu_capture *capture)
{
	const struct listing *l = ctx;
	struct usersock_reply *r = l->reply;

	for (const struct armed *a = l->armed->first; a; a = a->next)
		if (armed_capture(a) == capture)
			return;
	put_target(r, &capture->target);
	usersock_put_u32(r, KPPROF_A_KINDS, 1u << KPPROF_KIND_CPU);
	usersock_put_u32(r, KPPROF_A_HZ, capture->hz);
	usersock_put_u32(r, KPPROF_A_ENGINE, capture->engine);
	usersock_put_u32(r, KPPROF_A_BY, KPPROF_ARMED_BY_REQUEST);
	usersock_next(r);
}

int arming_targets(struct armed_list *l, struct usersock_reply *r)
{
	struct listing listing = {l, r};

	engine_each_capture(l->engine, put_capture, &listing);
	for (struct armed *a = l->first; a; a = a->next) {
		if (a->spec.kind->look)
			a->spec.kind->look(a);
		put_armed(r, a);
	}
	return 0;
}
