/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The generic netlink family of uapi/kpprof.h: the family, replies and events in netlink.c; STATUS
 * in netlink_status.c, LISTEN in netlink_listen.c, IMAGE and MAPS in netlink_image.c, ARM and
 * DISARM in netlink_arm.c, HEAP and BLOCKS in netlink_heap.c, other dumps in netlink_dump.c.
 */
#ifndef KPPROF_NETLINK_H
#define KPPROF_NETLINK_H

#include <linux/types.h>
#include <net/netlink.h>

#include "../uapi/kpprof.h"

struct genl_family;
struct genl_info;
struct netlink_callback;
struct sk_buff;

/** kpprof_netlink_init() - register the family; commands come from now on. Context: task */
int kpprof_netlink_init(void);

/** kpprof_netlink_deinit() - unregister it; no command runs on return. Context: task */
void kpprof_netlink_deinit(void);

/** kpprof_tell_exit() - tell the group that a process is gone. Context: task, may be atomic */
void kpprof_tell_exit(pid_t pid);

/** kpprof_dump_begin() - start a message of a dump; NULL when it has no room. Context: any */
void *kpprof_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd);

/** kpprof_tell_slowed() - tell the group what the governor did. Context: task, may be atomic */
void kpprof_tell_slowed(u32 slowed);

/* The family's multicast groups. */
enum { KPPROF_GROUP_EVENTS };

extern struct genl_family kpprof_family;

/** kpprof_reply_new() - begin the reply to a message; NULL when there is no memory. Context: task
 */
struct sk_buff *kpprof_reply_new(struct genl_info *info, u8 cmd, void **head);

/** kpprof_reply_send() - send it, or free it when @err says that it did not hold all. Context: task
 */
int kpprof_reply_send(struct sk_buff *skb, void *head, struct genl_info *info, int err);

/** kpprof_put_u64() - an attribute; 0 or -EMSGSIZE. Context: any */
int kpprof_put_u64(struct sk_buff *skb, int type, u64 value);

/** kpprof_do_status() - STATUS. Context: task */
int kpprof_do_status(struct sk_buff *skb, struct genl_info *info);

/** kpprof_do_listen() - LISTEN. Context: task */
int kpprof_do_listen(struct sk_buff *skb, struct genl_info *info);

/** kpprof_put_listen() - the address that is wanted, if there is one, with its lease; kpprof_lock
 * held. Context: task. Return: not 0 without room */
int kpprof_put_listen(struct sk_buff *skb);

extern const struct nla_policy kpprof_map_policy[KPPROF_MAP_A_MAX + 1];

/** kpprof_netlink_image() - IMAGE; kpprof_lock held. Context: task, the client's */
int kpprof_netlink_image(struct genl_info *info);

/** kpprof_netlink_maps() - MAPS; kpprof_lock held. Context: task, the client's */
int kpprof_netlink_maps(struct genl_info *info);

/** kpprof_netlink_arm() - ARM; kpprof_lock held. Context: task, the client's */
int kpprof_netlink_arm(struct genl_info *info);

/** kpprof_netlink_disarm() - DISARM; kpprof_lock held. Context: task, the client's */
int kpprof_netlink_disarm(struct genl_info *info);

extern const struct nla_policy kpprof_probe_policy[KPPROF_PROBE_A_MAX + 1];

/** kpprof_netlink_heap() - HEAP; kpprof_lock held. Context: task */
int kpprof_netlink_heap(struct genl_info *info);

/** kpprof_arm_heap() - the process of an ARM of a heap, and its probes. Context: as ARM */
int kpprof_arm_heap(struct genl_info *info, unsigned int arm);

/** kpprof_dump_blocks() - BLOCKS. Context: task */
int kpprof_dump_blocks(struct sk_buff *skb, struct netlink_callback *cb);

/** kpprof_dump_targets() - TARGETS. Context: task */
int kpprof_dump_targets(struct sk_buff *skb, struct netlink_callback *cb);

/** kpprof_dump_waits() - WAITS. Context: task */
int kpprof_dump_waits(struct sk_buff *skb, struct netlink_callback *cb);

#endif /* KPPROF_NETLINK_H */
