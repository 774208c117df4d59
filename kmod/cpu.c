// SPDX-License-Identifier: GPL-2.0-only
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/cpumask.h>
#include <linux/hardirq.h>
#include <linux/netlink.h>
#include <linux/percpu.h>
#include <linux/perf_event.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>

#include "cpu.h"
#include "stack.h"
#include "stats.h"
#include "target.h"
#include "trace.h"

/**
 * struct arm - counters of one rate
 * @id: number
 * @hz: samples per second and CPU
 * @box: samples all processes
 * @clock: what is counted
 * @ncounters: that exist
 * @counters: one for each possible CPU, NULL on those that were offline
 */
struct arm {
	u8 id;
	u32 hz;
	bool box;
	enum kpprof_clock clock;
	u32 ncounters;
	struct perf_event **counters;
};

static struct arm *arms[KPPROF_ARMS_MAX];
static u32 narms;
/* Room for a sample on each CPU, while there is an arm. */
static struct kpprof_stack __percpu *stacks;
/* A sample is being taken on this CPU: its room is in use. */
static DEFINE_PER_CPU(int, taking);

/* What the clock's interrupt came upon. It is itself a hard interrupt, and so counts an NMI. */
static enum kpprof_context interrupted_context(void)
{
	if (hardirq_count() >> HARDIRQ_SHIFT > 1)
		return KPPROF_CONTEXT_HARDIRQ;
	if (in_serving_softirq())
		return KPPROF_CONTEXT_SOFTIRQ;
	return KPPROF_CONTEXT_TASK;
}

/* Context: interrupt or NMI, under rcu_read_lock(), @stack is this CPU's. */
static void take(const struct arm *arm, const struct kpprof_target *t, struct kpprof_stack *stack,
		 struct pt_regs *regs, u64 period)
{
	struct kpprof_sample s = {
		.arm = arm->id,
		.context = interrupted_context(),
		.period = period,
	};

	kpprof_count(samples);
	if (kpprof_stack_take(stack, t, regs, &s))
		kpprof_stack_tell(stack, regs, &s);
	else
		trace_kpprof_cpu(regs, &s);
}

/* Context: interrupt or NMI. */
static void overflow(struct perf_event *event, struct perf_sample_data *data, struct pt_regs *regs)
{
	const struct arm *arm = event->overflow_handler_context;
	const struct kpprof_target *t;
	u64 from = sched_clock();

	if (is_idle_task(current))
		return;
	rcu_read_lock();
	t = kpprof_target_find(current->tgid);
	if (READ_ONCE(arm->box) || (t && READ_ONCE(t->arms) & BIT(arm->id))) {
		if (this_cpu_inc_return(taking) == 1)
			take(arm, t, this_cpu_ptr(stacks), regs, data->period);
		else
			kpprof_count(lost);
		this_cpu_dec(taking);
	}
	rcu_read_unlock();
	kpprof_count_add(busy_ns, sched_clock() - from);
}

static struct perf_event *counter_create(struct arm *arm, enum kpprof_clock clock, int cpu)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = NSEC_PER_SEC / arm->hz,
		.exclude_idle = 1,
		.exclude_hv = 1,
		.exclude_guest = 1,
	};

	if (clock == KPPROF_CLOCK_CYCLES) {
		attr.type = PERF_TYPE_HARDWARE;
		attr.config = PERF_COUNT_HW_CPU_CYCLES;
		attr.freq = 1;
		attr.sample_freq = arm->hz;
		/* no PMU knows the idle task; overflow() leaves it out */
		attr.exclude_idle = 0;
	}
	return perf_event_create_kernel_counter(&attr, cpu, NULL, overflow, arm);
}

static int counter_open(struct arm *arm, int cpu)
{
	struct perf_event *counter = counter_create(arm, arm->clock, cpu);

	if (IS_ERR(counter))
		return PTR_ERR(counter);
	arm->counters[cpu] = counter;
	WRITE_ONCE(arm->ncounters, arm->ncounters + 1);
	return 0;
}

static void counter_close(struct arm *arm, int cpu)
{
	if (!arm->counters[cpu])
		return;
	perf_event_release_kernel(arm->counters[cpu]);
	arm->counters[cpu] = NULL;
	WRITE_ONCE(arm->ncounters, arm->ncounters - 1);
}

static void counters_close(struct arm *arm)
{
	int cpu;

	for_each_possible_cpu(cpu)
		counter_close(arm, cpu);
}

/*
 * CPUs that may be sampled, and those whose counters perf has taken away since: both change in the
 * hotplug callbacks, where a CPU that goes still counts as online.
 */
static struct cpumask usable, stale;

void kpprof_cpu_changed(unsigned int cpu, bool online)
{
	if (online) {
		cpumask_set_cpu(cpu, &usable);
		return;
	}
	cpumask_clear_cpu(cpu, &usable);
	cpumask_set_cpu(cpu, &stale);
}

/* A CPU that goes offline or comes meanwhile is seen to by kpprof_cpu_sync(). */
static int counters_sync(struct arm *arm)
{
	int cpu, err;

	for_each_possible_cpu(cpu) {
		if (!cpumask_test_cpu(cpu, &usable)) {
			counter_close(arm, cpu);
		} else if (!arm->counters[cpu]) {
			err = counter_open(arm, cpu);
			if (err && err != -ENODEV)
				return err;
		}
	}
	return arm->ncounters ? 0 : -ENODEV;
}

static int counters_open(struct arm *arm)
{
	int err = counters_sync(arm);

	if (!err || arm->clock == KPPROF_CLOCK_CPU)
		return err;
	/* The PMU's counters may all be in use: the clock always goes. */
	counters_close(arm);
	arm->clock = KPPROF_CLOCK_CPU;
	return counters_sync(arm);
}

static struct arm *arm_alloc(unsigned int id, u32 hz, enum kpprof_clock clock)
{
	struct arm *arm = kzalloc(sizeof(*arm), GFP_KERNEL);

	if (!arm)
		return NULL;
	arm->id = id;
	arm->hz = hz;
	arm->clock = clock;
	arm->counters = kcalloc(nr_cpu_ids, sizeof(struct perf_event *), GFP_KERNEL);
	if (!arm->counters) {
		kfree(arm);
		return NULL;
	}
	return arm;
}

static void stacks_free(void)
{
	free_percpu(stacks);
	stacks = NULL;
}

static int stacks_alloc(void)
{
	if (!stacks)
		stacks = alloc_percpu_gfp(struct kpprof_stack, GFP_KERNEL | __GFP_NOWARN);
	return stacks ? 0 : -ENOMEM;
}

static void arm_free(struct arm *arm)
{
	counters_close(arm);
	/* No interrupt of these counters runs any more; what it read under RCU may be looked at. */
	synchronize_rcu();
	kfree(arm->counters);
	kfree(arm);
	if (!narms)
		stacks_free();
}

static int arm_create(unsigned int id, u32 hz, enum kpprof_clock clock,
		      struct netlink_ext_ack *extack)
{
	struct arm *arm = arm_alloc(id, hz, clock);
	int err;

	if (!arm)
		return -ENOMEM;
	err = stacks_alloc();
	if (!err)
		err = counters_open(arm);
	if (err) {
		NL_SET_ERR_MSG(extack, "perf events could not be created");
		arm_free(arm);
		return err;
	}
	arms[id] = arm;
	WRITE_ONCE(narms, narms + 1);
	return 0;
}

int kpprof_arm_open(unsigned int id, u32 hz, enum kpprof_clock clock,
		    struct netlink_ext_ack *extack)
{
	struct arm *arm = arms[id];

	if (!arm)
		return arm_create(id, hz, clock, extack);
	if (arm->hz != hz) {
		NL_SET_ERR_MSG(extack, "the arm has another rate");
		return -EINVAL;
	}
	return 0;
}

void kpprof_arm_box(unsigned int id)
{
	WRITE_ONCE(arms[id]->box, true);
}

int kpprof_arm_close(unsigned int id)
{
	struct arm *arm = arms[id];

	if (!arm)
		return -ENOENT;
	arms[id] = NULL;
	WRITE_ONCE(narms, narms - 1);
	arm_free(arm);
	return 0;
}

bool kpprof_arm_exists(unsigned int id)
{
	return arms[id];
}

enum kpprof_clock kpprof_arm_clock(unsigned int id)
{
	return arms[id]->clock;
}

u32 kpprof_arm_cpus(unsigned int id)
{
	return arms[id]->ncounters;
}

u32 kpprof_arm_count(void)
{
	return READ_ONCE(narms);
}

u32 kpprof_counters_count(void)
{
	u32 n = 0, i;

	for (i = 0; i < KPPROF_ARMS_MAX; i++)
		if (arms[i])
			n += arms[i]->ncounters;
	return n;
}

/* What was lost with a CPU does not come back with it. */
static void close_stale(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		if (!cpumask_test_and_clear_cpu(cpu, &stale))
			continue;
		for (i = 0; i < KPPROF_ARMS_MAX; i++)
			if (arms[i])
				counter_close(arms[i], cpu);
	}
}

void kpprof_cpu_sync(void)
{
	int i, err;

	close_stale();
	for (i = 0; i < KPPROF_ARMS_MAX; i++) {
		err = arms[i] ? counters_sync(arms[i]) : 0;
		if (err)
			pr_warn("a CPU came online that cannot be sampled: %d\n", err);
	}
}
