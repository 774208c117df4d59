/* SPDX-License-Identifier: GPL-2.0-only */
/* The generic netlink family of uapi/kpprof.h. */
#ifndef KPPROF_NETLINK_H
#define KPPROF_NETLINK_H

#include <linux/types.h>

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

#endif /* KPPROF_NETLINK_H */
