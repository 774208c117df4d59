/* SPDX-License-Identifier: GPL-2.0-only */
/* The THREADS command of uapi/kpprof.h: a netlink dump, in the order of thread IDs. */
#ifndef KPPROF_THREADS_H
#define KPPROF_THREADS_H

struct netlink_callback;
struct sk_buff;

/**
 * kpprof_threads_start() - read what the message asks for
 *
 * Context: task. Return: 0; -EPERM in another PID namespace; -E2BIG; -ENOMEM; with a text.
 */
int kpprof_threads_start(struct netlink_callback *cb);

/**
 * kpprof_threads_dump() - fill a message with threads, from where the one before ended
 *
 * Context: task; does not sleep for long: it waits for no thread and for no memory of one.
 * Return: bytes, 0 when there are no more; -EMSGSIZE.
 */
int kpprof_threads_dump(struct sk_buff *skb, struct netlink_callback *cb);

/** kpprof_threads_done() - the dump is over, or its socket closed. Context: task. Return: 0 */
int kpprof_threads_done(struct netlink_callback *cb);

#endif /* KPPROF_THREADS_H */
