// SPDX-License-Identifier: GPL-2.0-only
#include <linux/netlink.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "client.h"
#include "heap.h"
#include "netlink.h"

/* Numbers of blocks in one message. */
#define SEQS_MAX 256

const struct nla_policy kpprof_probe_policy[KPPROF_PROBE_A_MAX + 1] = {
	[KPPROF_PROBE_A_START] = {.type = NLA_U64},
	[KPPROF_PROBE_A_AT] = {.type = NLA_U64},
	[KPPROF_PROBE_A_KIND] = NLA_POLICY_MAX(NLA_U32, __KPPROF_ALLOC_KINDS - 1),
	[KPPROF_PROBE_A_FUNC] = {.type = NLA_U32},
	[KPPROF_PROBE_A_PUSHED] = NLA_POLICY_MAX(NLA_U32, 4095),
	[KPPROF_PROBE_A_LEAVES] = {.type = NLA_FLAG},
};

static int get_site(const struct nlattr *a, struct kpprof_heap_site *site,
		    struct netlink_ext_ack *extack)
{
	struct nlattr *m[KPPROF_PROBE_A_MAX + 1];
	int err = nla_parse_nested(m, KPPROF_PROBE_A_MAX, a, kpprof_probe_policy, extack);

	if (err)
		return err;
	if (!m[KPPROF_PROBE_A_START] || !m[KPPROF_PROBE_A_AT] || !m[KPPROF_PROBE_A_KIND]) {
		NL_SET_ERR_MSG(extack, "a probe has a function, an address and a kind");
		return -EINVAL;
	}
	*site = (struct kpprof_heap_site){
		.start = nla_get_u64(m[KPPROF_PROBE_A_START]),
		.at = nla_get_u64(m[KPPROF_PROBE_A_AT]),
		.kind = nla_get_u32(m[KPPROF_PROBE_A_KIND]),
		.func = m[KPPROF_PROBE_A_FUNC] ? nla_get_u32(m[KPPROF_PROBE_A_FUNC]) : 0,
		.pushed = m[KPPROF_PROBE_A_PUSHED] ? nla_get_u32(m[KPPROF_PROBE_A_PUSHED]) : 0,
		.leaves = m[KPPROF_PROBE_A_LEAVES],
	};
	if (site->at >= site->start && site->at - site->start <= KPPROF_PROBE_AHEAD)
		return 0;
	NL_SET_ERR_MSG(extack, "a probe is at the beginning of its function");
	return -EINVAL;
}

static int get_sites(struct genl_info *info, struct kpprof_heap_site *sites, u32 *n)
{
	const struct nlattr *a;
	int rem, err = 0;

	*n = 0;
	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem) {
		if (nla_type(a) != KPPROF_A_PROBE)
			continue;
		if (*n == KPPROF_PROBES_MAX) {
			NL_SET_ERR_MSG(info->extack, "too many probes");
			return -E2BIG;
		}
		err = get_site(a, &sites[(*n)++], info->extack);
		if (err)
			return err;
	}
	if (*n)
		return 0;
	NL_SET_ERR_MSG(info->extack, "a process of a heap arm comes with its probes");
	return -EINVAL;
}

/* The only process of the message; 0 for none. -EINVAL for more. */
static int get_process(struct genl_info *info, pid_t *pid)
{
	const struct nlattr *a;
	int rem, n = 0;

	nlmsg_for_each_attr(a, info->nlhdr, GENL_HDRLEN, rem)
		n += nla_type(a) == KPPROF_A_PID;
	*pid = n ? nla_get_u32(info->attrs[KPPROF_A_PID]) : 0;
	if (n <= 1)
		return 0;
	NL_SET_ERR_MSG(info->extack, "one process of a heap arm at a time");
	return -EINVAL;
}

int kpprof_arm_heap(struct genl_info *info, unsigned int arm)
{
	struct kpprof_heap_site *sites;
	pid_t pid;
	u32 n;
	int err = get_process(info, &pid);

	if (err || !pid)
		return err;
	sites = kcalloc(KPPROF_PROBES_MAX, sizeof(*sites), GFP_KERNEL);
	if (!sites)
		return -ENOMEM;
	err = get_sites(info, sites, &n);
	if (!err)
		err = kpprof_heap_attach(arm, pid, sites, n, info->extack);
	kfree(sites);
	return err;
}

static int put_counts(struct sk_buff *skb, const struct kpprof_heap_counts *c)
{
	return kpprof_put_u64(skb, KPPROF_A_ALLOCS, c->allocs) ||
	       kpprof_put_u64(skb, KPPROF_A_ALLOC_BYTES, c->bytes) ||
	       kpprof_put_u64(skb, KPPROF_A_FREES, c->frees) ||
	       kpprof_put_u64(skb, KPPROF_A_LIVE, c->live) ||
	       kpprof_put_u64(skb, KPPROF_A_OVERFLOW, c->overflow) ||
	       kpprof_put_u64(skb, KPPROF_A_UNPLACED, c->unplaced) ||
	       kpprof_put_u64(skb, KPPROF_A_MISSED, c->missed) ||
	       kpprof_put_u64(skb, KPPROF_A_DROPPED, c->dropped);
}

int kpprof_netlink_heap(struct genl_info *info)
{
	struct kpprof_heap_counts counts;
	struct sk_buff *reply;
	void *head;

	if (!info->attrs[KPPROF_A_ARM]) {
		NL_SET_ERR_MSG(info->extack, "HEAP needs the number of an arm");
		return -EINVAL;
	}
	if (kpprof_heap_counts(nla_get_u32(info->attrs[KPPROF_A_ARM]), &counts)) {
		NL_SET_ERR_MSG(info->extack, "no such heap arm");
		return -ENOENT;
	}
	reply = kpprof_reply_new(info, KPPROF_CMD_HEAP, &head);
	if (!reply)
		return -ENOMEM;
	return kpprof_reply_send(reply, head, info, put_counts(reply, &counts));
}

static int put_blocks(struct sk_buff *skb, struct netlink_callback *cb, const u64 *seqs, u32 n)
{
	void *head = kpprof_dump_begin(skb, cb, KPPROF_CMD_BLOCKS);

	if (!head)
		return -EMSGSIZE;
	if (nla_put(skb, KPPROF_A_SEQS, n * sizeof(*seqs), seqs)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

/* One message for each part of the dump; args[0] is the chain that is next. */
int kpprof_dump_blocks(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct nlattr *arm = nlmsg_find_attr(cb->nlh, GENL_HDRLEN, KPPROF_A_ARM);
	u32 chain = cb->args[0];
	u64 *seqs;
	int n;

	if (!arm)
		return -EINVAL;
	seqs = kmalloc_array(SEQS_MAX, sizeof(*seqs), GFP_KERNEL);
	if (!seqs)
		return -ENOMEM;
	mutex_lock(&kpprof_lock);
	n = kpprof_heap_list(nla_get_u32(arm), &chain, seqs, SEQS_MAX);
	mutex_unlock(&kpprof_lock);
	if (n > 0 && put_blocks(skb, cb, seqs, n))
		n = -EMSGSIZE;
	kfree(seqs);
	if (n < 0)
		return n;
	cb->args[0] = chain;
	return skb->len;
}
