// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "compat.h"
#include "netlink.h"
#include "threads.h"

/* Bytes of one binary attribute, whose length is 16 bits. */
#define PART_MAX 65528

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

/* ---- events */

static void tell_u32(u8 cmd, int type, u32 value)
{
	struct sk_buff *skb = genlmsg_new(NLMSG_DEFAULT_SIZE, GFP_ATOMIC);
	void *head = skb ? genlmsg_put(skb, 0, 0, &kpprof_family, 0, cmd) : NULL;

	if (!head || nla_put_u32(skb, type, value)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	genlmsg_multicast(&kpprof_family, skb, 0, KPPROF_GROUP_EVENTS, GFP_ATOMIC);
}

void kpprof_tell_exit(pid_t pid)
{
	tell_u32(KPPROF_CMD_EXIT, KPPROF_A_PID, pid);
}

void kpprof_tell_slowed(u32 slowed)
{
	tell_u32(KPPROF_CMD_GOVERNOR, KPPROF_A_SLOWED, slowed);
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
	return as_client(info, kpprof_netlink_image);
}

static int do_maps(struct sk_buff *skb, struct genl_info *info)
{
	return as_client(info, kpprof_netlink_maps);
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
	[KPPROF_A_MAP] = NLA_POLICY_NESTED(kpprof_map_policy),
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
	COMMAND(STATUS, none_policy, .doit = kpprof_do_status),
	COMMAND(LISTEN, listen_policy, .doit = kpprof_do_listen),
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
	[KPPROF_GROUP_EVENTS] = {.name = KPPROF_GENL_GROUP},
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
