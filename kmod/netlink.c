// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "addr.h"
#include "client.h"
#include "compat.h"
#include "cpu.h"
#include "governor.h"
#include "heap.h"
#include "image.h"
#include "maps.h"
#include "netlink.h"
#include "probes.h"
#include "stats.h"
#include "target.h"
#include "threads.h"
#include "trace.h"
#include "watch.h"
#include "watched.h"

/* Bytes of one binary attribute, whose length is 16 bits. */
#define PART_MAX 65528

enum { GROUP_EVENTS };

/* ---- replies */

struct sk_buff *kpprof_reply_new(struct genl_info *info, u8 cmd, void **head)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);

	if (!skb)
		return NULL;
	*head = genlmsg_put_reply(skb, info, &kpprof_family, 0, cmd);
	if (*head)
		return skb;
	nlmsg_free(skb);
	return NULL;
}

int kpprof_reply_send(struct sk_buff *skb, void *head, struct genl_info *info, int err)
{
	if (err) {
		nlmsg_free(skb);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return genlmsg_reply(skb, info);
}

int kpprof_put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, KPPROF_A_PAD);
}

/* ---- STATUS */

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

/* ---- LISTEN: the module only keeps the address. Under kpprof_lock. */

static char wanted[KPPROF_ADDR_MAX + 1];
/* Seconds since boot at which it is no longer wanted, 0 for never. Nothing wakes up for that. */
static time64_t wanted_until;

static int put_listen(struct sk_buff *skb)
{
	time64_t now = ktime_get_boottime_seconds();

	if (wanted_until && wanted_until <= now)
		*wanted = '\0';
	if (!*wanted)
		return 0;
	return nla_put_string(skb, KPPROF_A_LISTEN, wanted) ||
	       (wanted_until && nla_put_u32(skb, KPPROF_A_LEASE, (u32)(wanted_until - now)));
}

static void tell_listen(void)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_GOODSIZE, GFP_KERNEL);
	void *head = skb ? genlmsg_put(skb, 0, 0, &kpprof_family, 0, KPPROF_CMD_LISTEN) : NULL;

	if (!head || put_listen(skb)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	/* Nobody there to hear it is no failure. */
	genlmsg_multicast(&kpprof_family, skb, 0, GROUP_EVENTS, GFP_KERNEL);
}

static int refuse_listen(struct genl_info *info, const char *why)
{
	/* Not NL_SET_ERR_MSG, which takes a literal only; these live as long as the module, too. */
	if (info->extack)
		info->extack->_msg = why;
	return -EINVAL;
}

static int do_listen(struct sk_buff *skb, struct genl_info *info)
{
	const struct nlattr *addr = info->attrs[KPPROF_A_LISTEN];
	const struct nlattr *lease = info->attrs[KPPROF_A_LEASE];
	struct kpprof_listen parsed;
	const char *refused = NULL;

	/* Whether a carrier's address will do is the agent's choice; a public one never will. */
	if (addr)
		refused = kpprof_listen_parse(nla_data(addr), KPPROF_ALLOW_CGNAT, &parsed);
	if (refused)
		return refuse_listen(info, refused);
	mutex_lock(&kpprof_lock);
	if (addr)
		strscpy(wanted, nla_data(addr), sizeof(wanted));
	else
		*wanted = '\0';
	wanted_until = lease ? ktime_get_boottime_seconds() + nla_get_u32(lease) : 0;
	tell_listen();
	mutex_unlock(&kpprof_lock);
	return 0;
}

static int do_status(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply;
	void *head;
	int err;

	reply = kpprof_reply_new(info, KPPROF_CMD_STATUS, &head);
	if (!reply)
		return -ENOMEM;
	mutex_lock(&kpprof_lock);
	err = nla_put_u32(reply, KPPROF_A_ABI, KPPROF_GENL_VERSION) ||
	      nla_put_string(reply, KPPROF_A_RELEASE, KPPROF_RELEASE) || put_listen(reply) ||
	      put_client(reply) || put_hooks(reply) || put_counts(reply);
	mutex_unlock(&kpprof_lock);
	return kpprof_reply_send(reply, head, info, err);
}

static void tell_u32(u8 cmd, int type, u32 value)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	void *head = skb ? genlmsg_put(skb, 0, 0, &kpprof_family, 0, cmd) : NULL;

	if (!head || nla_put_u32(skb, type, value)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&kpprof_family, skb, 0, GROUP_EVENTS, GFP_ATOMIC);
}

void kpprof_tell_exit(pid_t pid)
{
	tell_u32(KPPROF_CMD_EXIT, KPPROF_A_PID, pid);
}

void kpprof_tell_slowed(u32 slowed)
{
	tell_u32(KPPROF_CMD_GOVERNOR, KPPROF_A_SLOWED, slowed);
}

/* ---- IMAGE */

static int image_begin(struct genl_info *info, u32 id)
{
	if (!info->attrs[KPPROF_A_NROWS] || !info->attrs[KPPROF_A_NRULES]) {
		NL_SET_ERR_MSG(info->extack, "an image begins with its rows and its rules");
		return -EINVAL;
	}
	return kpprof_image_create(id, nla_get_u32(info->attrs[KPPROF_A_NROWS]),
				   nla_get_u32(info->attrs[KPPROF_A_NRULES]), info->extack);
}

static int image_part(struct genl_info *info, u32 id)
{
	const struct nlattr *pcs = info->attrs[KPPROF_A_PCS];
	const struct nlattr *index = info->attrs[KPPROF_A_INDEX];
	const struct nlattr *rules = info->attrs[KPPROF_A_RULES];
	u32 at, n;

	at = nla_get_u32(info->attrs[KPPROF_A_AT]);
	if (rules && !pcs && !index && nla_len(rules) % sizeof(struct kpprof_rule) == 0)
		return kpprof_image_rules(id, at, nla_data(rules),
					  nla_len(rules) / sizeof(struct kpprof_rule),
					  info->extack);
	n = pcs ? nla_len(pcs) / sizeof(u32) : 0;
	if (!rules && pcs && index && nla_len(pcs) == n * sizeof(u32) &&
	    nla_len(index) == n * sizeof(u16))
		return kpprof_image_rows(id, at, nla_data(pcs), nla_data(index), n, info->extack);
	NL_SET_ERR_MSG(info->extack, "a part is rules, or as many pcs as indexes");
	return -EINVAL;
}

static int image(struct genl_info *info)
{
	u32 id;

	if (!info->attrs[KPPROF_A_IMAGE]) {
		NL_SET_ERR_MSG(info->extack, "IMAGE needs the number of an image");
		return -EINVAL;
	}
	id = nla_get_u32(info->attrs[KPPROF_A_IMAGE]);
	if (info->attrs[KPPROF_A_DROP])
		return kpprof_image_drop(id);
	if (info->attrs[KPPROF_A_DONE])
		return kpprof_image_done(id, info->extack);
	if (info->attrs[KPPROF_A_AT])
		return image_part(info, id);
	return image_begin(info, id);
}

/* ---- MAPS */

static const struct nla_policy map_policy[KPPROF_MAP_A_MAX + 1] = {
	[KPPROF_MAP_A_START] = {.type = NLA_U64},    [KPPROF_MAP_A_END] = {.type = NLA_U64},
	[KPPROF_MAP_A_OFFSET] = {.type = NLA_U64},   [KPPROF_MAP_A_IMAGE] = {.type = NLA_U32},
	[KPPROF_MAP_A_PENDING] = {.type = NLA_FLAG},
};

static int maps_one(struct kpprof_maps *maps, const struct nlattr *a,
		    struct netlink_ext_ack *extack)
{
	struct nlattr *m[KPPROF_MAP_A_MAX + 1];
	int err = nla_parse_nested(m, KPPROF_MAP_A_MAX, a, map_policy, extack);

	if (err)
		return err;
	if (!m[KPPROF_MAP_A_START] || !m[KPPROF_MAP_A_END] || !m[KPPROF_MAP_A_OFFSET]) {
		NL_SET_ERR_MSG(extack, "a mapping has a start, an end and an offset");
		return -EINVAL;
	}
	return kpprof_maps_add(maps, nla_get_u64(m[KPPROF_MAP_A_START]),
			       nla_get_u64(m[KPPROF_MAP_A_END]),
			       nla_get_u64(m[KPPROF_MAP_A_OFFSET]),
			       m[KPPROF_MAP_A_IMAGE] ? nla_get_u32(m[KPPROF_MAP_A_IMAGE]) : 0,
			       m[KPPROF_MAP_A_PENDING], extack);
}

static int maps_collect(struct kpprof_maps *maps, struct genl_info *info)
{
	const struct nlattr *a;
	int rem, err = 0;

	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(a) == KPPROF_A_MAP)
			err = maps_one(maps, a, info->extack);
		if (err)
			break;
	}
	return err;
}

/* The list that this message goes on with, or a new one; what another process has begun is dropped.
 */
static int maps_open(struct genl_info *info, pid_t pid, struct kpprof_maps **out)
{
	pid_t *pending_pid;
	struct kpprof_maps **pending = kpprof_client_pending(&pending_pid);
	struct kpprof_maps *maps = *pending;

	*pending = NULL;
	if (maps && *pending_pid == pid) {
		*out = maps;
		return 0;
	}
	kpprof_maps_put(maps);
	*out = kpprof_maps_create(nla_get_u32(info->attrs[KPPROF_A_COOKIE]));
	return *out ? 0 : -ENOMEM;
}

static int maps_more(struct kpprof_maps *maps, pid_t pid)
{
	pid_t *pending_pid;
	struct kpprof_maps **pending = kpprof_client_pending(&pending_pid);

	*pending = maps;
	*pending_pid = pid;
	return 0;
}

static int maps(struct genl_info *info)
{
	struct kpprof_maps *maps;
	pid_t pid;
	int err;

	if (!info->attrs[KPPROF_A_PID] || !info->attrs[KPPROF_A_COOKIE]) {
		NL_SET_ERR_MSG(info->extack, "MAPS needs a process and a cookie");
		return -EINVAL;
	}
	if (!kpprof_arm_count() && !kpprof_watch_count() && !kpprof_heap_count()) {
		NL_SET_ERR_MSG(info->extack, "nothing is armed");
		return -EINVAL;
	}
	pid = nla_get_u32(info->attrs[KPPROF_A_PID]);
	err = maps_open(info, pid, &maps);
	if (err)
		return err;
	err = maps_collect(maps, info);
	if (!err && info->attrs[KPPROF_A_MORE])
		return maps_more(maps, pid);
	if (!err)
		err = kpprof_target_map(pid, maps, info->extack);
	if (err)
		kpprof_maps_put(maps);
	return err;
}

/* ---- the family */

/* What only the client may say, with the lock held. */
static int as_client(struct genl_info *info, int (*fn)(struct genl_info *info))
{
	int err;

	mutex_lock(&kpprof_lock);
	err = kpprof_client_enter(info->snd_portid, info->extack);
	if (!err)
		err = fn(info);
	mutex_unlock(&kpprof_lock);
	return err;
}

static int do_arm(struct sk_buff *skb, struct genl_info *info)
{
	return as_client(info, kpprof_netlink_arm);
}

static int do_disarm(struct sk_buff *skb, struct genl_info *info)
{
	return as_client(info, kpprof_netlink_disarm);
}

static int do_image(struct sk_buff *skb, struct genl_info *info)
{
	return as_client(info, image);
}

static int do_maps(struct sk_buff *skb, struct genl_info *info)
{
	return as_client(info, maps);
}

/* For whoever asks. */
static int do_heap(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	mutex_lock(&kpprof_lock);
	err = kpprof_netlink_heap(info);
	mutex_unlock(&kpprof_lock);
	return err;
}

static const struct nla_policy none_policy[KPPROF_A_MAX + 1];

static const struct nla_policy listen_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_LISTEN] = {.type = NLA_NUL_STRING, .len = KPPROF_ADDR_MAX},
	[KPPROF_A_LEASE] = {.type = NLA_U32},
};

static const struct nla_policy arm_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_ARM] = NLA_POLICY_MAX(NLA_U32, KPPROF_ARMS_MAX - 1),
	[KPPROF_A_HZ] = NLA_POLICY_RANGE(NLA_U32, 1, KPPROF_HZ_MAX),
	[KPPROF_A_CLOCK] = NLA_POLICY_MAX(NLA_U32, KPPROF_CLOCK_CYCLES),
	[KPPROF_A_BOX] = {.type = NLA_FLAG},
	[KPPROF_A_PID] = {.type = NLA_U32},
	[KPPROF_A_WATCH] = NLA_POLICY_RANGE(NLA_U32, 1, KPPROF_WATCH_ALL),
	[KPPROF_A_RATE] = {.type = NLA_U64},
	[KPPROF_A_HEAP] = {.type = NLA_FLAG},
	[KPPROF_A_PROBE] = NLA_POLICY_NESTED(kpprof_probe_policy),
};

static const struct nla_policy heap_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_ARM] = NLA_POLICY_MAX(NLA_U32, KPPROF_ARMS_MAX - 1),
};

static const struct nla_policy disarm_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_ARM] = NLA_POLICY_MAX(NLA_U32, KPPROF_ARMS_MAX - 1),
	[KPPROF_A_PID] = {.type = NLA_U32},
};

static const struct nla_policy maps_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_PID] = {.type = NLA_U32},
	[KPPROF_A_COOKIE] = {.type = NLA_U32},
	[KPPROF_A_MAP] = NLA_POLICY_NESTED(map_policy),
	[KPPROF_A_MORE] = {.type = NLA_FLAG},
};

static const struct nla_policy image_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_IMAGE] = NLA_POLICY_MIN(NLA_U32, 1),
	[KPPROF_A_NROWS] = {.type = NLA_U32},
	[KPPROF_A_NRULES] = {.type = NLA_U32},
	[KPPROF_A_AT] = {.type = NLA_U32},
	[KPPROF_A_PCS] = {.type = NLA_BINARY, .len = PART_MAX},
	[KPPROF_A_INDEX] = {.type = NLA_BINARY, .len = PART_MAX},
	[KPPROF_A_RULES] = {.type = NLA_BINARY, .len = PART_MAX},
	[KPPROF_A_DONE] = {.type = NLA_FLAG},
	[KPPROF_A_DROP] = {.type = NLA_FLAG},
};

static const struct nla_policy threads_policy[KPPROF_A_MAX + 1] = {
	[KPPROF_A_PID] = {.type = NLA_U32},
	[KPPROF_A_TID] = {.type = NLA_U32},
	[KPPROF_A_BRIEF] = {.type = NLA_FLAG},
};

#define COMMAND(name, table, ...)                                                    \
	{                                                                            \
		.cmd = KPPROF_CMD_##name, .flags = GENL_ADMIN_PERM, .policy = table, \
		.maxattr = KPPROF_A_MAX, __VA_ARGS__                                 \
	}

static const struct genl_ops ops[] = {
	COMMAND(STATUS, none_policy, .doit = do_status),
	COMMAND(LISTEN, listen_policy, .doit = do_listen),
	COMMAND(ARM, arm_policy, .doit = do_arm),
	COMMAND(DISARM, disarm_policy, .doit = do_disarm),
	COMMAND(MAPS, maps_policy, .doit = do_maps),
	COMMAND(IMAGE, image_policy, .doit = do_image),
	COMMAND(TARGETS, none_policy, .dumpit = kpprof_dump_targets),
	COMMAND(HEAP, heap_policy, .doit = do_heap),
	COMMAND(BLOCKS, heap_policy, .dumpit = kpprof_dump_blocks),
	COMMAND(WAITS, none_policy, .dumpit = kpprof_dump_waits),
	COMMAND(THREADS, threads_policy, .start = kpprof_threads_start,
		.dumpit = kpprof_threads_dump, .done = kpprof_threads_done),
};

static const struct genl_multicast_group groups[] = {
	[GROUP_EVENTS] = {.name = KPPROF_GENL_GROUP},
};

struct genl_family kpprof_family __ro_after_init = {.name = KPPROF_GENL_NAME,
						    .version = KPPROF_GENL_VERSION,
						    .maxattr = KPPROF_A_MAX,
						    .module = THIS_MODULE,
						    .ops = ops,
						    .n_ops = ARRAY_SIZE(ops),
						    .mcgrps = groups,
						    .n_mcgrps = ARRAY_SIZE(groups),
						    KPPROF_RESV_START_OP(KPPROF_CMD_STATUS)};

int __init kpprof_netlink_init(void)
{
	return genl_register_family(&kpprof_family);
}

void kpprof_netlink_deinit(void)
{
	genl_unregister_family(&kpprof_family);
}
