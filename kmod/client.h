/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The one socket that the module works for, and the lock over all that it configures. The client
 * comes into being with its first command that needs one, and ends with its socket.
 */
#ifndef KPPROF_CLIENT_H
#define KPPROF_CLIENT_H

#include <linux/mutex.h>
#include <linux/types.h>

struct netlink_ext_ack;
struct workqueue_struct;

/*
 * Over arms, images, the client and its unfinished messages. Held by commands, by the work that
 * ends a client, and by the one that follows CPUs; never in an interrupt, and never while something
 * waits for CPU hotplug.
 */
extern struct mutex kpprof_lock;

/* Runs what has to wait for a grace period, or for kpprof_lock. Lives as long as the module. */
extern struct workqueue_struct *kpprof_wq;

/** kpprof_client_init() - watch for sockets that close. Context: task */
int kpprof_client_init(void);

/** kpprof_client_deinit() - there is no client any more when this is called. Context: task */
void kpprof_client_deinit(void);

/**
 * kpprof_client_enter() - be the client
 * @portid: the socket's
 *
 * Context: task, in the sender's own, kpprof_lock held.
 * Return: 0; -EBUSY with a text that names the client when it is another; -EPERM outside the
 * initial PID namespace; -ENODEV when the module is going.
 */
int kpprof_client_enter(u32 portid, struct netlink_ext_ack *extack);

/**
 * kpprof_client_disarm() - end all arms, and forget all processes and mappings
 *
 * Context: task, kpprof_lock held.
 */
void kpprof_client_disarm(void);

/**
 * kpprof_client_name() - who it is
 * @pid: out: process of the socket; 0 without a client
 * @comm: out: TASK_COMM_LEN bytes
 *
 * Context: task, kpprof_lock held.
 */
void kpprof_client_name(pid_t *pid, char *comm);

struct kpprof_maps;

/**
 * kpprof_client_pending() - the mappings that the client is in the middle of sending
 *
 * Context: task, kpprof_lock held. Return: where they are; *NULL for none.
 */
struct kpprof_maps **kpprof_client_pending(pid_t **pid);

#endif /* KPPROF_CLIENT_H */
