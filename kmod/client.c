// SPDX-License-Identifier: GPL-2.0-only
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/notifier.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/workqueue.h>
#include <net/net_namespace.h>

#include "client.h"
#include "cpu.h"
#include "heap.h"
#include "image.h"
#include "maps.h"
#include "probes.h"
#include "target.h"
#include "watch.h"

DEFINE_MUTEX(kpprof_lock);

/*
 * The socket that commands. All under kpprof_lock, but for @portid and @gone, which
 * the notifier reads and writes
 */
static struct {
	u32 portid; /* of the socket, 0 without a client */
	bool gone;  /* it was closed; cleaning up is queued */
	pid_t pid;
	char comm[TASK_COMM_LEN];
	struct kpprof_maps *pending; /* mappings that more messages belong to */
	pid_t pending_pid;
	char who[64 + TASK_COMM_LEN]; /* text for others */
} client;

void kpprof_client_disarm(void)
{
	unsigned int i;

	for (i = 0; i < KPPROF_ARMS_MAX; i++) {
		kpprof_arm_close(i);
		kpprof_watch_close(i);
		kpprof_heap_close(i);
	}
	kpprof_watch_review();
	kpprof_probes_unregister();
	kpprof_targets_clear();
	kpprof_maps_put(client.pending);
	client.pending = NULL;
}

/* Under kpprof_lock. Gives back all that the client has, and the module. */
static void client_end(void)
{
	kpprof_client_disarm();
	kpprof_image_drop_all();
	WRITE_ONCE(client.portid, 0);
	WRITE_ONCE(client.gone, false);
	module_put(THIS_MODULE);
}

static void clean_up(struct work_struct *work)
{
	mutex_lock(&kpprof_lock);
	if (client.portid && READ_ONCE(client.gone))
		client_end();
	mutex_unlock(&kpprof_lock);
}

static DECLARE_WORK(clean_up_work, clean_up);

/* Context: the task that closes the socket, or one that frees it later; may not take kpprof_lock.
 */
static int socket_closed(struct notifier_block *nb, unsigned long state, void *data)
{
	const struct netlink_notify *n = data;

	if (state != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC || n->net != &init_net ||
	    !n->portid || n->portid != READ_ONCE(client.portid))
		return NOTIFY_DONE;
	WRITE_ONCE(client.gone, true);
	queue_work(kpprof_wq, &clean_up_work);
	return NOTIFY_OK;
}

static struct notifier_block socket_notifier = {
	.notifier_call = socket_closed,
};

int kpprof_client_init(void)
{
	return netlink_register_notifier(&socket_notifier);
}

void kpprof_client_deinit(void)
{
	netlink_unregister_notifier(&socket_notifier);
	cancel_work_sync(&clean_up_work);
}

static int client_begin(u32 portid)
{
	/* Fails while the module is being removed. */
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	client.pid = task_tgid_nr(current);
	get_task_comm(client.comm, current->group_leader);
	snprintf(client.who, sizeof(client.who), "in use by process %d (%s)", client.pid,
		 client.comm);
	WRITE_ONCE(client.portid, portid);
	return 0;
}

int kpprof_client_enter(u32 portid, struct netlink_ext_ack *extack)
{
	if (task_active_pid_ns(current) != &init_pid_ns) {
		NL_SET_ERR_MSG(extack, "not in the initial PID namespace");
		return -EPERM;
	}
	/* A new socket may have the number of one whose work is still queued. */
	if (client.portid && READ_ONCE(client.gone))
		client_end();
	if (!client.portid)
		return client_begin(portid);
	if (client.portid == portid)
		return 0;
	/* The text outlives the message: it changes under kpprof_lock, when the client does. */
	if (extack)
		extack->_msg = client.who;
	return -EBUSY;
}

void kpprof_client_name(pid_t *pid, char *comm)
{
	bool there = client.portid && !READ_ONCE(client.gone);

	*pid = there ? client.pid : 0;
	memcpy(comm, client.comm, TASK_COMM_LEN);
}

struct kpprof_maps **kpprof_client_pending(pid_t **pid)
{
	*pid = &client.pending_pid;
	return &client.pending;
}
