// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "cpu.h"
#include "heap.h"
#include "netlink.h"
#include "probes.h"
#include "target.h"
#include "watched.h"
#include "watch.h"

/* Calls @fn for each KPPROF_A_PID of a message, until one fails. */
static int each_pid(struct genl_info *info, unsigned int arm,
		    int (*fn)(pid_t pid, unsigned int arm, struct netlink_ext_ack *extack))
{
	const struct nlattr *a;
	int rem, err = 0;

	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(a) == KPPROF_A_PID)
			err = fn(nla_get_u32(a), arm, info->extack);
		if (err)
			break;
	}
	return err;
}

static int pid_exists(pid_t pid, unsigned int arm, struct netlink_ext_ack *extack)
{
	bool there;

	rcu_read_lock();
	there = pid_task(find_pid_ns(pid, &init_pid_ns), PIDTYPE_TGID);
	rcu_read_unlock();
	if (there)
		return 0;
	NL_SET_ERR_MSG(extack, "no such process");
	return -ESRCH;
}

/* One that exits between the look at all of them and here is no failure. */
static int pid_arm(pid_t pid, unsigned int arm, struct netlink_ext_ack *extack)
{
	int err = kpprof_target_arm(pid, arm, extack);

	return err == -ESRCH ? 0 : err;
}

static int pid_disarm(pid_t pid, unsigned int arm, struct netlink_ext_ack *extack)
{
	if (kpprof_heap_exists(arm))
		kpprof_heap_detach(arm, pid);
	kpprof_target_disarm(pid, arm);
	return 0;
}

static int reply_arm(struct genl_info *info, u32 arm)
{
	struct sk_buff *reply;
	void *head;
	int err;

	reply = kpprof_reply_new(info, KPPROF_CMD_ARM, &head);
	if (!reply)
		return -ENOMEM;
	if (kpprof_heap_exists(arm))
		err = nla_put_u32(reply, KPPROF_A_NPROBES, kpprof_uprobes_count());
	else if (kpprof_watch_exists(arm))
		err = nla_put_u32(reply, KPPROF_A_NTHREADS, kpprof_watched_count());
	else
		err = nla_put_u32(reply, KPPROF_A_CLOCK, kpprof_arm_clock(arm)) ||
		      nla_put_u32(reply, KPPROF_A_NCPUS, kpprof_arm_cpus(arm));
	return kpprof_reply_send(reply, head, info, err);
}

/* The last arm takes the probes and all processes with it. */
static void disarm(u32 arm)
{
	kpprof_arm_close(arm);
	kpprof_targets_disarm(arm);
	if (!kpprof_watch_close(arm))
		kpprof_watch_review();
	kpprof_heap_close(arm);
	if (!kpprof_arm_count() && !kpprof_watch_count() && !kpprof_heap_count())
		kpprof_client_disarm();
}

static int open_arm(struct genl_info *info, u32 id)
{
	const struct nlattr *clock = info->attrs[KPPROF_A_CLOCK];

	if (kpprof_watch_exists(id) || kpprof_heap_exists(id)) {
		NL_SET_ERR_MSG(info->extack, "the arm is of another kind");
		return -EINVAL;
	}
	return kpprof_arm_open(id, nla_get_u32(info->attrs[KPPROF_A_HZ]),
			       clock ? nla_get_u32(clock) : KPPROF_CLOCK_CPU, info->extack);
}

static int open_watch(struct genl_info *info, u32 id)
{
	u64 rate = info->attrs[KPPROF_A_RATE] ? nla_get_u64(info->attrs[KPPROF_A_RATE]) : 0;

	if (rate > KPPROF_RATE_MAX) {
		NL_SET_ERR_MSG(info->extack, "the rate is too long a time");
		return -EINVAL;
	}
	if (kpprof_arm_exists(id) || kpprof_heap_exists(id)) {
		NL_SET_ERR_MSG(info->extack, "the arm is no watch");
		return -EINVAL;
	}
	return kpprof_watch_open(id, nla_get_u32(info->attrs[KPPROF_A_WATCH]), rate);
}

static int open_heap(struct genl_info *info, u32 id)
{
	u64 rate = info->attrs[KPPROF_A_RATE] ? nla_get_u64(info->attrs[KPPROF_A_RATE]) : 0;

	if (!rate || rate > KPPROF_HEAP_RATE_MAX || info->attrs[KPPROF_A_BOX]) {
		NL_SET_ERR_MSG(info->extack,
			       "a heap arm has a rate in bytes, and processes by number");
		return -EINVAL;
	}
	if (kpprof_arm_exists(id) || kpprof_watch_exists(id)) {
		NL_SET_ERR_MSG(info->extack, "the arm is no heap arm");
		return -EINVAL;
	}
	return kpprof_heap_open(id, rate, info->extack);
}

static int open_any(struct genl_info *info, u32 id)
{
	if (info->attrs[KPPROF_A_HEAP])
		return open_heap(info, id);
	return info->attrs[KPPROF_A_WATCH] ? open_watch(info, id) : open_arm(info, id);
}

static int arm_targets(struct genl_info *info, u32 id)
{
	bool watch = kpprof_watch_exists(id);
	int err;

	if (info->attrs[KPPROF_A_BOX]) {
		if (watch)
			kpprof_watch_box(id);
		else
			kpprof_arm_box(id);
	}
	err = each_pid(info, id, pid_arm);
	if (!err && watch)
		err = kpprof_watch_review();
	if (!err && kpprof_heap_exists(id))
		err = kpprof_arm_heap(info, id);
	return err;
}

/* Probes first: a child that is made while its parent is armed is not missed. */
static int arm_checked(struct genl_info *info, u32 id)
{
	bool old = kpprof_arm_exists(id) || kpprof_watch_exists(id) || kpprof_heap_exists(id);
	int err = kpprof_probes_register();

	if (err) {
		NL_SET_ERR_MSG(info->extack, "the scheduler's tracepoints could not be hooked");
	} else {
		err = open_any(info, id);
		if (!err)
			err = arm_targets(info, id);
	}
	if (!err)
		err = reply_arm(info, id);
	/* Who is told of an error has no arm. */
	if (err && !old)
		disarm(id);
	return err;
}

int kpprof_netlink_arm(struct genl_info *info)
{
	u32 id;
	int err;

	if (!info->attrs[KPPROF_A_ARM] || !!info->attrs[KPPROF_A_HZ] +
							  !!info->attrs[KPPROF_A_WATCH] +
							  !!info->attrs[KPPROF_A_HEAP] !=
						  1) {
		NL_SET_ERR_MSG(info->extack,
			       "ARM needs the number of an arm, and a rate, a watch or a heap");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[KPPROF_A_ARM]);
	err = each_pid(info, id, pid_exists);
	return err ? err : arm_checked(info, id);
}

int kpprof_netlink_disarm(struct genl_info *info)
{
	u32 id;
	int err;

	if (!info->attrs[KPPROF_A_ARM]) {
		kpprof_client_disarm();
		return 0;
	}
	id = nla_get_u32(info->attrs[KPPROF_A_ARM]);
	if (!kpprof_arm_exists(id) && !kpprof_watch_exists(id) && !kpprof_heap_exists(id)) {
		NL_SET_ERR_MSG(info->extack, "no such arm");
		return -ENOENT;
	}
	if (!info->attrs[KPPROF_A_PID]) {
		disarm(id);
		return 0;
	}
	err = each_pid(info, id, pid_disarm);
	return kpprof_watch_exists(id) ? kpprof_watch_review() : err;
}
