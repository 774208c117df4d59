// SPDX-License-Identifier: GPL-2.0-only
#include <linux/bsearch.h>
#include <linux/idr.h>
#include <linux/mm.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "netlink.h"
#include "snapshot.h"
#include "threads.h"

/* Thread IDs that are looked at before others may run. */
#define SCAN_MAX 256

/**
 * struct dump - a dump that goes on from message to message
 * @next: thread ID to go on with
 * @last: thread ID to end with
 * @brief: see uapi/kpprof.h
 * @snapshot: room
 * @npids: processes that are wanted, 0 for all
 * @pids: sorted
 */
struct dump {
	int next;
	int last;
	bool brief;
	struct kpprof_snapshot snapshot;
	u32 npids;
	pid_t pids[];
};

static struct dump *dump_of(struct netlink_callback *cb)
{
	return (struct dump *)cb->args[0];
}

static int compare_pids(const void *a, const void *b)
{
	const pid_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static u32 count_pids(const struct nlmsghdr *nlh)
{
	const struct nlattr *a;
	u32 n = 0;
	int rem;

	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, rem)
		n += nla_type(a) == KPPROF_A_PID;
	return n;
}

static void read_request(struct dump *d, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;
	int rem;

	d->last = INT_MAX - 1;
	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, rem) {
		if (nla_type(a) == KPPROF_A_PID)
			d->pids[d->npids++] = nla_get_u32(a);
		else if (nla_type(a) == KPPROF_A_TID)
			d->next = d->last = min_t(u32, nla_get_u32(a), INT_MAX - 1);
		else if (nla_type(a) == KPPROF_A_BRIEF)
			d->brief = true;
	}
	sort(d->pids, d->npids, sizeof(*d->pids), compare_pids, NULL);
}

int kpprof_threads_start(struct netlink_callback *cb)
{
	u32 npids = count_pids(cb->nlh);
	struct dump *d;

	if (task_active_pid_ns(current) != &init_pid_ns) {
		NL_SET_ERR_MSG(cb->extack, "not in the initial PID namespace");
		return -EPERM;
	}
	if (npids > KPPROF_THREAD_PIDS_MAX) {
		NL_SET_ERR_MSG(cb->extack, "too many processes");
		return -E2BIG;
	}
	d = kvzalloc(struct_size(d, pids, npids), GFP_KERNEL | __GFP_NOWARN);
	if (!d)
		return -ENOMEM;
	read_request(d, cb->nlh);
	cb->args[0] = (long)d;
	cb->min_dump_alloc = KPPROF_THREAD_MESSAGE_MAX;
	return 0;
}

int kpprof_threads_done(struct netlink_callback *cb)
{
	kvfree(dump_of(cb));
	cb->args[0] = 0;
	return 0;
}

static bool is_wanted(const struct dump *d, const struct task_struct *t)
{
	return !d->npids || bsearch(&t->tgid, d->pids, d->npids, sizeof(*d->pids), compare_pids);
}

/* The thread with the smallest number from @d->next on, with a reference; NULL and *@more after
 * SCAN_MAX others. */
static struct task_struct *scan(struct dump *d, bool *more)
{
	struct task_struct *found = NULL;
	int i;

	rcu_read_lock();
	for (i = 0; i < SCAN_MAX && !found; i++) {
		struct pid *pid = idr_get_next(&init_pid_ns.idr, &d->next);
		struct task_struct *t = pid ? pid_task(pid, PIDTYPE_PID) : NULL;

		*more = pid && d->next <= d->last;
		if (!*more)
			break;
		if (t && is_wanted(d, t))
			found = get_task_struct(t);
		else
			d->next++;
	}
	rcu_read_unlock();
	return found;
}

static struct task_struct *next_thread_of(struct dump *d)
{
	struct task_struct *t;
	bool more = true;

	for (;;) {
		t = scan(d, &more);
		if (t || !more)
			return t;
		cond_resched();
	}
}

static int put_u64(struct sk_buff *skb, int type, u64 value)
{
	return nla_put_u64_64bit(skb, type, value, KPPROF_A_PAD);
}

static int put_regs(struct sk_buff *skb, const struct kpprof_snapshot *s)
{
	if (!(s->flags & KPPROF_THREAD_REGS))
		return 0;
	return put_u64(skb, KPPROF_A_IP, s->ip) ||
	       nla_put(skb, KPPROF_A_REGS, sizeof(s->regs), s->regs) ||
	       (s->nstack && nla_put(skb, KPPROF_A_STACK, s->nstack, s->stack));
}

static int put_syscall(struct sk_buff *skb, const struct kpprof_snapshot *s)
{
	if (!(s->flags & KPPROF_THREAD_SYSCALL))
		return 0;
	return nla_put_u32(skb, KPPROF_A_SYSCALL, s->nr) ||
	       nla_put(skb, KPPROF_A_ARGS, sizeof(s->args), s->args);
}

static int put_thread(struct sk_buff *skb, struct task_struct *t, int tid, struct dump *d)
{
	const struct kpprof_snapshot *s = &d->snapshot;
	char comm[TASK_COMM_LEN];

	if (nla_put_u32(skb, KPPROF_A_PID, t->tgid) || nla_put_u32(skb, KPPROF_A_TID, tid) ||
	    nla_put_u8(skb, KPPROF_A_STATE, s->state) ||
	    nla_put_u32(skb, KPPROF_A_THREAD_FLAGS, s->flags) ||
	    put_u64(skb, KPPROF_A_GENERATION, s->generation))
		return -EMSGSIZE;
	if (d->brief)
		return 0;
	get_task_comm(comm, t);
	return nla_put_string(skb, KPPROF_A_COMM, comm) ||
	       (s->state_ns && put_u64(skb, KPPROF_A_STATE_NS, s->state_ns)) ||
	       put_syscall(skb, s) || put_regs(skb, s);
}

static int dump_thread(struct sk_buff *skb, struct netlink_callback *cb, struct task_struct *t)
{
	struct dump *d = dump_of(cb);
	void *head = kpprof_dump_begin(skb, cb, KPPROF_CMD_THREADS);

	if (!head)
		return -EMSGSIZE;
	if (d->brief)
		kpprof_snapshot_brief(t, &d->snapshot);
	else
		kpprof_snapshot_take(t, &d->snapshot);
	if (put_thread(skb, t, d->next, d)) {
		genlmsg_cancel(skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, head);
	return 0;
}

int kpprof_threads_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump *d = dump_of(cb);
	struct task_struct *t;
	int err = 0;

	while (!err && (t = next_thread_of(d))) {
		err = dump_thread(skb, cb, t);
		put_task_struct(t);
		if (!err)
			d->next++;
	}
	/* One that does not fit begins the next message. */
	return err && !skb->len ? err : skb->len;
}
