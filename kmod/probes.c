// SPDX-License-Identifier: GPL-2.0-only
#include <linux/kernel.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/tracepoint.h>

#include "compat.h"
#include "netlink.h"
#include "probes.h"
#include "target.h"

/* Context: task, preemption off. */
static void on_fork(void *data, struct task_struct *parent, struct task_struct *child)
{
	kpprof_target_fork(parent, child);
}

/* Context: task, preemption off. */
static void on_exit(KPPROF_EXIT_PROBE_ARGS)
{
	pid_t tgid = task->tgid;

	if (kpprof_target_exit(task))
		kpprof_tell_exit(tgid);
}

/* Modules have no names for the scheduler's tracepoints: they are looked up. */
static struct probe {
	const char *name;
	void *fn;
	struct tracepoint *tp;
	bool registered;
} probes[] = {
	{"sched_process_fork", on_fork},
	{"sched_process_exit", on_exit},
};

static void look_at(struct tracepoint *tp, void *priv)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		if (!strcmp(tp->name, probes[i].name))
			probes[i].tp = tp;
}

int kpprof_probes_register(void)
{
	size_t i;
	int err = 0;

	if (!probes[0].tp)
		for_each_kernel_tracepoint(look_at, NULL);
	for (i = 0; i < ARRAY_SIZE(probes) && !err; i++) {
		if (probes[i].registered)
			continue;
		err = probes[i].tp ? tracepoint_probe_register(probes[i].tp, probes[i].fn, NULL)
				   : -ENOENT;
		probes[i].registered = !err;
	}
	if (err)
		kpprof_probes_unregister();
	return err;
}

void kpprof_probes_unregister(void)
{
	bool any = false;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++) {
		if (!probes[i].registered)
			continue;
		tracepoint_probe_unregister(probes[i].tp, probes[i].fn, NULL);
		probes[i].registered = false;
		any = true;
	}
	if (any)
		tracepoint_synchronize_unregister();
}

u32 kpprof_probes_count(void)
{
	u32 n = 0;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		n += probes[i].registered;
	return n;
}
