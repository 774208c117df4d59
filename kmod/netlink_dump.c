// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <net/genetlink.h>

#include "../uapi/kpprof.h"
#include "compat.h"
#include "maps.h"
#include "netlink.h"
#include "stamp.h"
#include "target.h"
#include "watched.h"

void *kpprof_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &kpprof_family,
			   NLM_F_MULTI, cmd);
}

struct dump {
	struct sk_buff *skb;
	struct netlink_callback *cb;
};

static int put_target(struct sk_buff *skb, const struct kpprof_target *t)
{
	const struct kpprof_space *space = rcu_dereference(t->space);
	const struct task_struct *task = pid_task(find_pid_ns(t->tgid, &init_pid_ns), PIDTYPE_TGID);

	return nla_put_u32(skb, KPPROF_A_PID, t->tgid) ||
	       nla_put_u32(skb, KPPROF_A_ARMS, READ_ONCE(t->arms)) ||
	       (t->inherited && nla_put_flag(skb, KPPROF_A_INHERITED)) ||
	       nla_put_u32(skb, KPPROF_A_NMAPS, space ? space->maps->n : 0) ||
	       (task && nla_put_string(skb, KPPROF_A_COMM, task->comm));
}

static int dump_one(const struct kpprof_target *t, void *ctx)
{
	struct dump *d = ctx;
	void *head = kpprof_dump_begin(d->skb, d->cb, KPPROF_CMD_TARGETS);

	if (!head)
		return -EMSGSIZE;
	if (put_target(d->skb, t)) {
		genlmsg_cancel(d->skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(d->skb, head);
	return 0;
}

/* Processes that come and go between two parts of the dump may be missed or be there twice. */
int kpprof_dump_targets(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump d = {.skb = skb, .cb = cb};

	cb->args[0] = kpprof_targets_each(cb->args[0], dump_one, &d);
	return skb->len;
}

/* What a thread has to tell that it has not told yet. */
static int put_untold(struct sk_buff *skb, const struct kpprof_watched *t)
{
	u64 ns = READ_ONCE(t->pending[KPPROF_SLOT_WAIT].ns) +
		 READ_ONCE(t->pending[KPPROF_SLOT_PREEMPTED].ns);
	u64 count = READ_ONCE(t->pending[KPPROF_SLOT_WAIT].count) +
		    READ_ONCE(t->pending[KPPROF_SLOT_PREEMPTED].count);

	if (!count)
		return 0;
	return kpprof_put_u64(skb, KPPROF_A_NS, ns) || kpprof_put_u64(skb, KPPROF_A_COUNT, count);
}

static int put_wait(struct sk_buff *skb, const struct kpprof_watched *t, u64 out)
{
	u64 woken = READ_ONCE(t->woken), begin = kpprof_stamp_mono(out);

	if (kpprof_put_u64(skb, KPPROF_A_BEGIN, begin))
		return -EMSGSIZE;
	if (READ_ONCE(t->runnable))
		return kpprof_put_u64(skb, KPPROF_A_WOKEN, begin);
	return woken >= out &&
	       kpprof_put_u64(skb, KPPROF_A_WOKEN, begin + kpprof_stamp_ns(woken - out));
}

static int put_thread(struct sk_buff *skb, const struct kpprof_watched *t, u64 out)
{
	return nla_put_u32(skb, KPPROF_A_PID, t->task->tgid) ||
	       nla_put_u32(skb, KPPROF_A_TID, t->task->pid) ||
	       nla_put_u32(skb, KPPROF_A_ARMS, READ_ONCE(t->arms)) ||
	       (out && put_wait(skb, t, out)) || put_untold(skb, t);
}

/* One that runs since before it was watched has not been seen to: it is not said to wait. */
static u64 out_since(const struct kpprof_watched *t)
{
	u64 out = READ_ONCE(t->out);

	return t->task == current || READ_ONCE(t->task->on_cpu) ? 0 : out;
}

static int dump_wait(const struct kpprof_watched *t, void *ctx)
{
	struct dump *d = ctx;
	u64 out = out_since(t);
	void *head;

	if (!out && !atomic_read(&t->queued))
		return 0;
	head = kpprof_dump_begin(d->skb, d->cb, KPPROF_CMD_WAITS);
	if (!head)
		return -EMSGSIZE;
	if (put_thread(d->skb, t, out)) {
		genlmsg_cancel(d->skb, head);
		return -EMSGSIZE;
	}
	genlmsg_end(d->skb, head);
	return 0;
}

/* As the dump of processes. */
int kpprof_dump_waits(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct dump d = {.skb = skb, .cb = cb};

	cb->args[0] = kpprof_watched_each(cb->args[0], dump_wait, &d);
	return skb->len;
}
