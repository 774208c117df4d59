// SPDX-License-Identifier: GPL-2.0-or-later
/* CPU sampling without a profile, for whoever reads the trace events. */
#include "armed_cpu.h"

#include <errno.h>
#include <stdlib.h>

#include "../engine/engine.h"

struct armed_cpu {
	struct armed armed;
	struct cpu_capture capture;
	uint64_t samples;
};

static void count_sample(void *ctx, const struct cpu_sample *s)
{
	struct armed_cpu *a = ctx;

	(void)s;
	a->samples++;
}

static void exited(void *ctx)
{
	struct armed_cpu *a = ctx;

	armed_end(&a->armed);
}

/* The capture is never stopped, only cancelled. */
static void never(void *ctx)
{
	(void)ctx;
}

static int create(const struct armed_kind *kind, struct armed_list *l,
		  const struct armed_spec *spec, struct armed **out)
{
	struct armed_cpu *a = calloc(1, sizeof(*a));
	int err;

	(void)kind;
	if (!a)
		return -ENOMEM;
	a->capture = (struct cpu_capture){
		.target = spec->target,
		.hz = (unsigned int)spec->rate,
		.on_sample = count_sample,
		.on_target_exit = exited,
		.on_done = never,
		.ctx = a,
	};
	err = cpu_capture_start(l->engine, &a->capture);
	if (err) {
		free(a);
		return err;
	}
	a->armed.spec = *spec;
	a->armed.engine = a->capture.engine;
	*out = &a->armed;
	return 0;
}

static void destroy(struct armed *armed)
{
	struct armed_cpu *a = (struct armed_cpu *)armed;

	cpu_capture_cancel(armed->list->engine, &a->capture);
	free(a);
}

static void cost(const struct armed *armed, struct armed_cost *out)
{
	const struct armed_cpu *a = (const struct armed_cpu *)armed;

	out->events = a->samples;
	out->lost = a->capture.lost;
}

const struct cpu_capture *armed_capture(const struct armed *a)
{
	return a->spec.kind == &armed_cpu ? &((const struct armed_cpu *)a)->capture : NULL;
}

const struct armed_kind armed_cpu = {
	.id = KPPROF_KIND_CPU,
	.name = "cpu",
	.rate_unit = "Hz",
	.rate_min = HZ_MIN,
	.rate_max = HZ_MAX,
	.rate_default = HZ_DEFAULT,
	.lease_default = LEASE_DEFAULT,
	.create = create,
	.destroy = destroy,
	.cost = cost,
};
