// SPDX-License-Identifier: GPL-2.0-or-later
#include "running.h"

#define POLL_NS (4 * NSEC_PER_MSEC)
/* How long to wait for threads that want a CPU: the scheduler gives each a few milliseconds in
 * turn. */
#define WAIT_NS	     (250 * NSEC_PER_MSEC)
#define WAIT_EACH_NS (4 * NSEC_PER_MSEC)
#define WAIT_MAX_NS  (500 * NSEC_PER_MSEC)
/* And for unwind rows that samples need. */
#define ROWS_NS (5 * NSEC_PER_SEC)

static void on_sample(void *ctx, const struct cpu_sample *s)
{
	struct running *r = ctx;

	if (r->on_sample(r->ctx, s))
		cpu_capture_stop(r->engine, &r->capture);
}

static void ended(void *ctx)
{
	struct running *r = ctx;

	r->active = false;
	loop_timer_clear(engine_loop(r->engine), &r->timer);
	r->on_end(r->ctx);
}

static void target_exited(void *ctx)
{
	struct running *r = ctx;

	cpu_capture_stop(r->engine, &r->capture);
}

static void tick(struct loop_timer *t)
{
	struct running *r = (struct running *)((char *)t - offsetof(struct running, timer));
	uint64_t now = loop_now();

	if (now >= r->give_up) {
		cpu_capture_cancel(r->engine, &r->capture);
		ended(r);
		return;
	}
	loop_timer_set(engine_loop(r->engine), &r->timer, POLL_NS);
	if (now >= r->until || r->on_tick(r->ctx))
		cpu_capture_stop(r->engine, &r->capture);
	/* May end it. */
	engine_poll(r->engine);
}

int running_start(struct running *r, struct engine *e, const struct target *target, size_t missing)
{
	uint64_t wait = WAIT_NS + missing * WAIT_EACH_NS;
	int err;

	r->engine = e;
	r->timer = (struct loop_timer){.cb = tick};
	r->capture = (struct cpu_capture){
		.target = *target,
		.hz = HZ_MAX,
		.on_sample = on_sample,
		.on_target_exit = target_exited,
		.on_done = ended,
		.ctx = r,
	};
	err = cpu_capture_start(e, &r->capture);
	if (err)
		return err;
	r->active = true;
	r->until = loop_now() + (wait < WAIT_MAX_NS ? wait : WAIT_MAX_NS);
	r->give_up = r->until + ROWS_NS;
	loop_timer_set(engine_loop(e), &r->timer, POLL_NS);
	return 0;
}

void running_cancel(struct running *r)
{
	if (!r->active)
		return;
	r->active = false;
	loop_timer_clear(engine_loop(r->engine), &r->timer);
	cpu_capture_cancel(r->engine, &r->capture);
}
