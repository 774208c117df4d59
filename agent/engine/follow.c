// SPDX-License-Identifier: GPL-2.0-or-later
#include "follow.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "../base/log.h"
#include "kmod.h"
#include "process.h"
#include "record.h"

/* Changes are sent so long after the first of them. */
#define GATHER_NS (5 * NSEC_PER_MSEC)

static void send(struct follow *f, struct process *p)
{
	int err;

	if (!p->maps)
		return;
	err = kmod_send_maps(f->kmod, p->pid, p->cookie, p->maps, &p->waits);
	if (!err) {
		p->sent = p->cookie;
		return;
	}
	/* What it has unmapped nobody told: only /proc knows. */
	if (err == -ESTALE && !process_reload(f->processes, p)) {
		p->sent = 0;
		loop_timer_set(f->loop, &f->timer, GATHER_NS);
		return;
	}
	if (err != -ESTALE && err != -ESRCH)
		log_debug("mappings of pid %d: %s (%s)", (int)p->pid, strerror(-err),
			  kmod_error(f->kmod));
	/* Its samples come with their stack, until it has other mappings. */
	p->refused = p->cookie;
}

static void send_if_due(void *ctx, struct process *p)
{
	struct follow *f = ctx;

	if (p->follow && p->sent != p->cookie && p->refused != p->cookie)
		send(f, p);
}

static void gathered(struct loop_timer *t)
{
	struct follow *f = (struct follow *)((char *)t - offsetof(struct follow, timer));

	if (f->kmod)
		processes_each(f->processes, send_if_due, f);
}

void follow_init(struct follow *f, struct loop *loop, struct processes *processes)
{
	*f = (struct follow){.loop = loop, .processes = processes, .timer.cb = gathered};
}

static void forget(void *ctx, struct process *p)
{
	(void)ctx;
	p->follow = p->waits = false;
	p->sent = 0;
}

void follow_stop(struct follow *f)
{
	loop_timer_clear(f->loop, &f->timer);
	processes_each(f->processes, forget, NULL);
}

static void schedule(struct follow *f)
{
	if (!f->timer.set)
		loop_timer_set(f->loop, &f->timer, GATHER_NS);
}

void follow_process(struct follow *f, struct process *p)
{
	if (!f->kmod)
		return;
	p->follow = true;
	send_if_due(f, p);
}

void follow_changed(struct follow *f, struct process *p)
{
	if (f->kmod && p && p->follow && p->sent != p->cookie)
		schedule(f);
}

static void resend_waiting(void *ctx, struct process *p)
{
	struct follow *f = ctx;

	if (!p->follow || !p->waits)
		return;
	p->sent = 0;
	schedule(f);
}

void follow_rows(struct follow *f)
{
	if (f->kmod)
		processes_each(f->processes, resend_waiting, f);
}

bool follow_sample(struct follow *f, struct process *p, const struct record_sample *s)
{
	if (!f->kmod)
		return true;
	/* The module has other mappings than these, or none: a child that was made before they
	 * came, a program that was not known until now. */
	if (!s->walked && (!p->follow || s->cookie != p->sent) && p->refused != p->cookie) {
		p->follow = true;
		p->sent = 0;
		schedule(f);
	}
	return !s->walked || !s->cookie || (int32_t)(p->replaced - s->cookie) <= 0;
}
