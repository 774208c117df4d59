// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mutex.h>
#include <linux/sched.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "cpu.h"
#include "governor.h"
#include "heap.h"
#include "image.h"
#include "netlink.h"
#include "probes.h"
#include "stats.h"
#include "target.h"
#include "trace.h"
#include "watch.h"
#include "watched.h"

static int put_client(struct sk_buff *skb)
{
	char comm[TASK_COMM_LEN];
	pid_t pid;

	kpprof_client_name(&pid, comm);
	if (!pid)
		return 0;
	return nla_put_u32(skb, KPPROF_A_CLIENT_PID, pid) ||
	       nla_put_string(skb, KPPROF_A_CLIENT_COMM, comm);
}

static int put_hooks(struct sk_buff *skb)
{
	return nla_put_u32(skb, KPPROF_A_EVENT_CPU, kpprof_trace_id_cpu()) ||
	       nla_put_u32(skb, KPPROF_A_EVENT_STACK, kpprof_trace_id_stack()) ||
	       nla_put_u32(skb, KPPROF_A_EVENT_SCHED, kpprof_trace_id_sched()) ||
	       nla_put_u32(skb, KPPROF_A_EVENT_HEAP, kpprof_trace_id_heap()) ||
	       nla_put_u32(skb, KPPROF_A_HOOK_UPROBES, kpprof_uprobes_count()) ||
	       nla_put_u32(skb, KPPROF_A_HOOK_RETURNS, kpprof_returns_count()) ||
	       nla_put_u32(skb, KPPROF_A_HOOK_COUNTERS, kpprof_counters_count()) ||
	       nla_put_u32(skb, KPPROF_A_HOOK_PROBES, kpprof_probes_count()) ||
	       nla_put_u32(skb, KPPROF_A_NTARGETS, kpprof_target_count()) ||
	       nla_put_u32(skb, KPPROF_A_NARMS,
			   kpprof_arm_count() + kpprof_watch_count() + kpprof_heap_count()) ||
	       nla_put_u32(skb, KPPROF_A_NTHREADS, kpprof_watched_count()) ||
	       nla_put_u32(skb, KPPROF_A_BUDGET, kpprof_governor_budget()) ||
	       nla_put_u32(skb, KPPROF_A_SLOWED, READ_ONCE(kpprof_governor_slowed)) ||
	       nla_put_u32(skb, KPPROF_A_NIMAGES, kpprof_image_count()) ||
	       kpprof_put_u64(skb, KPPROF_A_IMAGE_BYTES, kpprof_mem_used()) ||
	       kpprof_put_u64(skb, KPPROF_A_IMAGE_MAX, kpprof_mem_max());
}

static int put_ends(struct sk_buff *skb, const struct kpprof_stats *sum)
{
	struct nlattr *nest = nla_nest_start(skb, KPPROF_A_ENDS);
	int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < KPPROF_ENDS_N; i++)
		if (nla_put_u64_64bit(skb, i + 1, sum->ends[i], KPPROF_ENDS_N + 1))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int put_counts(struct sk_buff *skb)
{
	struct kpprof_stats sum;

	kpprof_stats_sum(&sum);
	return kpprof_put_u64(skb, KPPROF_A_SAMPLES, sum.samples) ||
	       kpprof_put_u64(skb, KPPROF_A_LOST, sum.lost) ||
	       kpprof_put_u64(skb, KPPROF_A_UNTRACKED, sum.untracked) ||
	       kpprof_put_u64(skb, KPPROF_A_BUSY_NS, sum.busy_ns) ||
	       kpprof_put_u64(skb, KPPROF_A_SCHED_EVENTS, sum.sched_events) ||
	       kpprof_put_u64(skb, KPPROF_A_SCHED_DROPPED, sum.sched_dropped) ||
	       kpprof_put_u64(skb, KPPROF_A_SCHED_BUSY_NS, sum.sched_busy_ns) ||
	       kpprof_put_u64(skb, KPPROF_A_HEAP_EVENTS, sum.heap_events) ||
	       kpprof_put_u64(skb, KPPROF_A_HEAP_BUSY_NS, sum.heap_busy_ns) || put_ends(skb, &sum);
}

int kpprof_do_status(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply;
	void *head;
	int err;

	reply = kpprof_reply_new(info, KPPROF_CMD_STATUS, &head);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&kpprof_lock);
	err = nla_put_u32(reply, KPPROF_A_ABI, KPPROF_GENL_VERSION) ||
	      nla_put_string(reply, KPPROF_A_RELEASE, KPPROF_RELEASE) || kpprof_put_listen(reply) ||
	      put_client(reply) || put_hooks(reply) || put_counts(reply);
	mutex_unlock(&kpprof_lock);
	return kpprof_reply_send(reply, head, info, err);
}
