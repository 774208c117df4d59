// SPDX-License-Identifier: GPL-2.0-only
#include <linux/cpuhotplug.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "cpu.h"
#include "governor.h"
#include "heap.h"
#include "netlink.h"
#include "sched.h"
#include "selftest.h"

struct workqueue_struct *kpprof_wq;
static enum cpuhp_state hotplug_state;

static void follow_cpus(struct work_struct *work)
{
	mutex_lock(&kpprof_lock);
	kpprof_cpu_sync();
	mutex_unlock(&kpprof_lock);
}

static DECLARE_WORK(follow_cpus_work, follow_cpus);

/*
 * Context: the hotplug thread, with the hotplug lock held. Counters are made and released
 * elsewhere: kpprof_lock is held by tasks that wait for this lock.
 */
static int cpu_came(unsigned int cpu)
{
	kpprof_cpu_changed(cpu, true);
	queue_work(kpprof_wq, &follow_cpus_work);
	return 0;
}

/* Context: as cpu_came(). */
static int cpu_goes(unsigned int cpu)
{
	kpprof_cpu_changed(cpu, false);
	queue_work(kpprof_wq, &follow_cpus_work);
	return 0;
}

static int __init kpprof_init(void)
{
	int err = kpprof_selftest();

	if (err)
		return err;
	kpprof_wq = alloc_workqueue("kpprof", WQ_UNBOUND, 0);
	if (!kpprof_wq)
		return -ENOMEM;
	err = kpprof_sched_init();
	if (err)
		goto err_workqueue;
	err = kpprof_client_init();
	if (err)
		goto err_sched;
	/* Called for the CPUs that are online, too. */
	err = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "kpprof:online", cpu_came, cpu_goes);
	if (err < 0)
		goto err_client;
	hotplug_state = err;
	err = kpprof_netlink_init();
	if (err)
		goto err_hotplug;
	return 0;

err_hotplug:
	cpuhp_remove_state_nocalls(hotplug_state);
err_client:
	kpprof_client_deinit();
err_sched:
	kpprof_sched_deinit();
err_workqueue:
	destroy_workqueue(kpprof_wq);
	return err;
}

/*
 * There is no client, or the module could not be unloaded; so nothing is armed, no probe is
 * registered and no image is there. What is left are objects whose grace period is not over.
 */
static void __exit kpprof_exit(void)
{
	kpprof_netlink_deinit();
	cpuhp_remove_state_nocalls(hotplug_state);
	kpprof_client_deinit();
	kpprof_governor_deinit();
	kpprof_heap_deinit();
	kpprof_sched_deinit();
	/* kfree_rcu() needs nothing of the module; queue_rcu_work() queues into kpprof_wq. */
	rcu_barrier();
	destroy_workqueue(kpprof_wq);
}

module_init(kpprof_init);
module_exit(kpprof_exit);

MODULE_LICENSE("GPL v2");
MODULE_DESCRIPTION("Samples any process, walks its stack, for the kpprof agent");
MODULE_AUTHOR("the kpprof developers");
MODULE_VERSION(KPPROF_RELEASE);
MODULE_ALIAS_GENL_FAMILY("kpprof");
