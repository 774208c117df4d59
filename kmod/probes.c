// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "heap.h"
#include "netlink.h"
#include "probes.h"
#include "sched.h"
#include "target.h"
#include "watched.h"

/* Context: task. */
static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	kpprof_target_fork(parent, child);
	kpprof_sched_fork(child);
}

/* Context: task. */
static void on_exit(KPPROF_EXIT_PROBE_ARGS)
{
	pid_t tgid = task->tgid;

	rcu_read_lock();
	kpprof_watched_exit(task);
	rcu_read_unlock();
	kpprof_heap_exit(task);
	if (kpprof_target_exit(task))
		kpprof_tell_exit(tgid);
}

/* Context: the scheduler, under the run queue's lock, interrupts off. */
static void on_switch(KPPROF_SWITCH_PROBE_ARGS)
{
	kpprof_sched_switch(preempt, prev, next);
}

/* Context: any, most often with the task's pi_lock held. */
static void on_waking(void *data, struct task_struct *task)
{
	kpprof_sched_waking(task);
}

/* Modules have no names for the scheduler's tracepoints: they are looked up. */
struct probe {
	const char *name;
	void *fn;
	struct tracepoint *tp;
	bool registered;
};

/* While anything is armed. */
static struct probe follow[] = {
	{"sched_process_fork", on_fork},
	{"sched_process_exit", on_exit},
};

/* While waits are watched. */
static struct probe sched[] = {
	{"sched_waking", on_waking},
	{"sched_switch", on_switch},
};

static void look_at(struct tracepoint *tp, void *priv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(follow); i++)
		if (!strcmp(tp->name, follow[i].name))
			follow[i].tp = tp;
	for (i = 0; i < ARRAY_SIZE(sched); i++)
		if (!strcmp(tp->name, sched[i].name))
			sched[i].tp = tp;
}

static void unregister(struct probe *probes, size_t n)
{
	bool any = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (!probes[i].registered)
			continue;
		tracepoint_probe_unregister(probes[i].tp, probes[i].fn, NULL);
		probes[i].registered = false;
		any = true;
	}
	if (any)
		tracepoint_synchronize_unregister();
}

static int probes_register(struct probe *probes, size_t n)
{
	size_t i;
	int err = 0;

	if (!follow[0].tp)
		for_each_kernel_tracepoint(look_at, NULL);
	for (i = 0; i < n && !err; i++) {
		if (probes[i].registered)
			continue;
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].fn, NULL)
				   : -ENOENT;
		probes[i].registered = !err;
	}
	if (err)
		unregister(probes, n);
	return err;
}

int kpprof_probes_register(void)
{
	return probes_register(follow, ARRAY_SIZE(follow));
}

void kpprof_probes_unregister(void)
{
	unregister(follow, ARRAY_SIZE(follow));
}

int kpprof_probes_sched(bool on)
{
	if (on)
		return probes_register(sched, ARRAY_SIZE(sched));
	unregister(sched, ARRAY_SIZE(sched));
	return 0;
}

u32 kpprof_probes_count(void)
{
	u32 n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(follow); i++)
		n += follow[i].registered;
	for (i = 0; i < ARRAY_SIZE(sched); i++)
		n += sched[i].registered;
	return n;
}
