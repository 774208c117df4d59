// SPDX-License-Identifier: GPL-2.0-or-later
#include "armed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/log.h"
#include "../base/loop.h"

/* Until the lease runs out or the target is gone. */
struct armed {
	struct armed *next;
	struct armed_list *list;
	struct cpu_capture capture;
	struct loop_timer timer;
	uint64_t until;
};

static void drop_sample(void *ctx, const struct cpu_sample *s)
{
	(void)ctx;
	(void)s;
}

/* The storage goes when the capture is through: on_done, or armed_stop() without waiting for it. */
static void armed_free(struct armed *a)
{
	struct armed **at = &a->list->first;

	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	loop_timer_clear(engine_loop(a->list->engine), &a->timer);
	free(a);
}

static void done(void *ctx)
{
	armed_free(ctx);
}

static void stop(void *ctx)
{
	struct armed *a = ctx;

	cpu_capture_stop(a->list->engine, &a->capture);
}

static void lease_over(struct loop_timer *t)
{
	stop((char *)t - offsetof(struct armed, timer));
}

static bool same_target(const struct target *a, const struct target *b)
{
	return a->kind == b->kind && (a->kind != TARGET_PID || a->pid == b->pid);
}

static struct armed *find(const struct armed_list *l, const struct target *target)
{
	struct armed *a = l->first;

	while (a && !same_target(&a->capture.target, target))
		a = a->next;
	return a;
}

static void set_lease(struct armed *a, uint32_t lease)
{
	uint64_t ns = lease * NSEC_PER_SEC;

	a->until = loop_now() + ns;
	loop_timer_set(engine_loop(a->list->engine), &a->timer, ns);
}

static int check(const struct armed_list *l, uint32_t hz, uint32_t lease, char *why, size_t size)
{
	unsigned int n = 0;

	if (hz < HZ_MIN || hz > HZ_MAX || !lease || lease > LEASE_MAX) {
		snprintf(why, size, "rate from %d to %d Hz, lease from 1 to %d s", HZ_MIN, HZ_MAX,
			 LEASE_MAX);
		return -EINVAL;
	}
	for (const struct armed *a = l->first; a; a = a->next)
		n++;
	if (n < ARMED_MAX)
		return 0;
	snprintf(why, size, "%d targets are armed already", ARMED_MAX);
	return -ENOSPC;
}

static int start(struct armed_list *l, const struct target *target, uint32_t hz, uint32_t lease)
{
	struct armed *a = calloc(1, sizeof(*a));
	int err;

	if (!a)
		return -ENOMEM;
	a->list = l;
	a->timer.cb = lease_over;
	a->capture = (struct cpu_capture){
		.target = *target,
		.hz = hz,
		.on_sample = drop_sample,
		.on_target_exit = stop,
		.on_done = done,
		.ctx = a,
	};
	err = cpu_capture_start(l->engine, &a->capture);
	if (err) {
		free(a);
		return err;
	}
	a->next = l->first;
	l->first = a;
	set_lease(a, lease);
	return 0;
}

int armed_start(struct armed_list *l, const struct target *target, uint32_t hz, uint32_t lease,
		char *why, size_t size)
{
	struct armed *a = find(l, target);
	int err = check(l, hz, lease, why, size);

	if (err)
		return err;
	if (a && a->capture.hz == hz) {
		set_lease(a, lease);
		return 0;
	}
	err = start(l, target, hz, lease);
	if (err == -ENODEV)
		snprintf(why, size, "%s", engine_why(l->engine));
	else if (err)
		snprintf(why, size, "%s", err == -ESRCH ? "no such process" : strerror(-err));
	return err;
}

int armed_stop(struct armed_list *l, const struct target *target)
{
	int found = 0;

	for (struct armed *a = l->first, *next; a; a = next) {
		next = a->next;
		if (target && !same_target(&a->capture.target, target))
			continue;
		cpu_capture_cancel(l->engine, &a->capture);
		armed_free(a);
		found = 1;
	}
	return found || !target ? 0 : -ENOENT;
}

int64_t armed_lease(const struct armed_list *l, const struct cpu_capture *c)
{
	uint64_t now = loop_now();

	for (const struct armed *a = l->first; a; a = a->next)
		if (&a->capture == c)
			return a->until > now ? (int64_t)((a->until - now) / NSEC_PER_SEC) : 0;
	return -1;
}
