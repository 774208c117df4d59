// SPDX-License-Identifier: GPL-2.0-only
/* LISTEN: the module only keeps the address, and tells of it. */
#include <linux/ktime.h>
#include <linux/mutex.h>
#include <linux/string.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "addr.h"
#include "client.h"
#include "netlink.h"

/* Under kpprof_lock. */
static char wanted[KPPROF_ADDR_MAX + 1];
/* Seconds since boot at which it is no longer wanted, 0 for never. Nothing wakes up for that. */
static time64_t wanted_until;

int kpprof_put_listen(struct sk_buff *skb)
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

	if (!head || kpprof_put_listen(skb)) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, head);
	/* Nobody there to hear it is no failure. */
	genlmsg_multicast(&kpprof_family, skb, 0, KPPROF_GROUP_EVENTS, GFP_KERNEL);
}

static int refuse_listen(struct genl_info *info, const char *why)
{
	/* Not NL_SET_ERR_MSG, which takes a literal only; these live as long as the module, too. */
	if (info->extack)
		info->extack->_msg = why;
	return -EINVAL;
}

int kpprof_do_listen(struct sk_buff *skb, struct genl_info *info)
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
