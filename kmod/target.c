// SPDX-License-Identifier: GPL-2.0-only
#include <linux/hashtable.h>
#include <linux/netlink.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "client.h"
#include "maps.h"
#include "stats.h"
#include "target.h"

static DEFINE_HASHTABLE(targets, 10);
/* Guards the table, the arms of its entries and their spaces. Taken in tasks only. */
static DEFINE_SPINLOCK(targets_lock);
static u32 ntargets;

static void space_free(struct work_struct *work)
{
	struct kpprof_space *space = container_of(to_rcu_work(work), struct kpprof_space, free);

	kpprof_maps_put(space->maps);
	mmdrop(space->mm);
	kfree(space);
}

/* Takes over a reference to @maps; @mm gets one of its own. */
static struct kpprof_space *space_create(struct mm_struct *mm, struct kpprof_maps *maps, gfp_t gfp)
{
	struct kpprof_space *space = kmalloc(sizeof(*space), gfp);

	if (!space)
		return NULL;
	mmgrab(mm);
	space->mm = mm;
	space->maps = maps;
	INIT_RCU_WORK(&space->free, space_free);
	return space;
}

static void space_put(struct kpprof_space *space)
{
	if (space)
		queue_rcu_work(kpprof_wq, &space->free);
}

struct kpprof_target *kpprof_target_find(pid_t tgid)
{
	struct kpprof_target *t;

	hash_for_each_possible_rcu(targets, t, node, tgid)
		if (t->tgid == tgid)
			return t;
	return NULL;
}

static struct kpprof_target *find_locked(pid_t tgid)
{
	struct kpprof_target *t;

	hash_for_each_possible(targets, t, node, tgid)
		if (t->tgid == tgid)
			return t;
	return NULL;
}

static struct kpprof_target *target_alloc(pid_t tgid, gfp_t gfp)
{
	struct kpprof_target *t = kzalloc(sizeof(*t), gfp);

	if (t)
		t->tgid = tgid;
	return t;
}

static struct kpprof_space *space_of(struct kpprof_target *t)
{
	return rcu_dereference_protected(t->space, lockdep_is_held(&targets_lock));
}

/* Under targets_lock. */
static void target_remove(struct kpprof_target *t)
{
	hash_del_rcu(&t->node);
	ntargets--;
	space_put(space_of(t));
	kfree_rcu(t, rcu);
}

/* Under targets_lock. */
static void target_insert(struct kpprof_target *t)
{
	hash_add_rcu(targets, &t->node, t->tgid);
	ntargets++;
}

/* Under targets_lock: the entry of a process, made from *@fresh when there is none; NULL when there
 * are too many. */
static struct kpprof_target *find_or_insert(struct kpprof_target **fresh)
{
	struct kpprof_target *t = find_locked((*fresh)->tgid);

	if (t || ntargets >= KPPROF_TARGETS_MAX)
		return t;
	t = *fresh;
	*fresh = NULL;
	t->inherited = true;
	target_insert(t);
	return t;
}

static int too_many(struct netlink_ext_ack *extack)
{
	NL_SET_ERR_MSG(extack, "too many processes");
	return -ENOSPC;
}

bool kpprof_process_lives(pid_t tgid)
{
	struct task_struct *task;
	bool lives;

	rcu_read_lock();
	task = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_TGID);
	lives = task && atomic_read(&task->signal->live) > 0;
	rcu_read_unlock();
	return lives;
}

/*
 * A process that exits while its entry is made: either it is seen here that no thread lives, or the
 * exit probe, which runs after the count of live threads has become zero, finds the entry.
 */
static int unless_gone(pid_t tgid, struct netlink_ext_ack *extack)
{
	struct kpprof_target *t;

	smp_mb();
	if (kpprof_process_lives(tgid))
		return 0;
	spin_lock(&targets_lock);
	t = find_locked(tgid);
	if (t)
		target_remove(t);
	spin_unlock(&targets_lock);
	NL_SET_ERR_MSG(extack, "no such process");
	return -ESRCH;
}

int kpprof_target_arm(pid_t tgid, unsigned int arm, struct netlink_ext_ack *extack)
{
	struct kpprof_target *fresh = target_alloc(tgid, GFP_KERNEL), *t;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&targets_lock);
	t = find_or_insert(&fresh);
	if (t) {
		WRITE_ONCE(t->arms, t->arms | BIT(arm));
		t->inherited = false;
	}
	spin_unlock(&targets_lock);
	kfree(fresh);
	return t ? unless_gone(tgid, extack) : too_many(extack);
}

void kpprof_target_disarm(pid_t tgid, unsigned int arm)
{
	struct kpprof_target *t;

	spin_lock(&targets_lock);
	t = find_locked(tgid);
	if (t)
		WRITE_ONCE(t->arms, t->arms & ~BIT(arm));
	spin_unlock(&targets_lock);
}

void kpprof_targets_disarm(unsigned int arm)
{
	struct kpprof_target *t;
	int i;

	spin_lock(&targets_lock);
	hash_for_each(targets, i, t, node)
		WRITE_ONCE(t->arms, t->arms & ~BIT(arm));
	spin_unlock(&targets_lock);
}

struct mm_struct *kpprof_process_mm(pid_t tgid)
{
	struct task_struct *task;
	struct mm_struct *mm = NULL;

	rcu_read_lock();
	task = pid_task(find_pid_ns(tgid, &init_pid_ns), PIDTYPE_TGID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (task) {
		/* of a kernel thread there is none; of a process that exits neither */
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	return mm;
}

static int target_set_space(pid_t tgid, struct kpprof_space *space, struct netlink_ext_ack *extack)
{
	struct kpprof_target *fresh = target_alloc(tgid, GFP_KERNEL), *t;
	struct kpprof_space *old = NULL;

	if (!fresh)
		return -ENOMEM;
	spin_lock(&targets_lock);
	t = find_or_insert(&fresh);
	if (t) {
		old = space_of(t);
		rcu_assign_pointer(t->space, space);
	}
	spin_unlock(&targets_lock);
	kfree(fresh);
	if (!t)
		return too_many(extack);
	space_put(old);
	/* If it is gone, the space went with the entry: that is no failure of the message's. */
	unless_gone(tgid, NULL);
	return 0;
}

int kpprof_target_map(pid_t tgid, struct kpprof_maps *maps, struct netlink_ext_ack *extack)
{
	struct mm_struct *mm = kpprof_process_mm(tgid);
	struct kpprof_space *space = NULL;
	int err;

	if (!mm) {
		NL_SET_ERR_MSG(extack, "no such process, or one without memory");
		return -ESRCH;
	}
	err = kpprof_maps_compare(maps, mm, extack);
	if (!err) {
		space = space_create(mm, maps, GFP_KERNEL);
		err = space ? target_set_space(tgid, space, extack) : -ENOMEM;
	}
	if (err && space) {
		mmdrop(space->mm);
		kfree(space);
	}
	mmput(mm);
	return err;
}

/* Under targets_lock. A child that shares its parent's memory gets a space of its own, too. */
static struct kpprof_space *space_for_child(struct kpprof_target *parent, struct task_struct *child)
{
	struct kpprof_space *space = space_of(parent), *copy;

	if (!space || !child->mm)
		return NULL;
	copy = space_create(child->mm, space->maps, GFP_ATOMIC | __GFP_NOWARN);
	if (copy)
		kpprof_maps_get(space->maps);
	return copy;
}

void kpprof_target_fork(struct task_struct *parent, struct task_struct *child)
{
	struct kpprof_target *t, *p;

	if (parent->tgid == child->tgid)
		return;
	rcu_read_lock();
	p = kpprof_target_find(parent->tgid);
	rcu_read_unlock();
	if (!p)
		return;
	t = target_alloc(child->tgid, GFP_ATOMIC | __GFP_NOWARN);
	if (!t) {
		kpprof_count(untracked);
		return;
	}
	t->inherited = true;
	spin_lock(&targets_lock);
	p = find_locked(parent->tgid);
	if (p && ntargets < KPPROF_TARGETS_MAX && !find_locked(t->tgid)) {
		t->arms = p->arms;
		RCU_INIT_POINTER(t->space, space_for_child(p, child));
		target_insert(t);
		t = NULL;
	}
	spin_unlock(&targets_lock);
	if (t && p)
		kpprof_count(untracked);
	kfree(t);
}

bool kpprof_target_exit(struct task_struct *task)
{
	struct kpprof_target *t;
	bool named;

	if (atomic_read(&task->signal->live))
		return false;
	rcu_read_lock();
	t = kpprof_target_find(task->tgid);
	rcu_read_unlock();
	if (!t)
		return false;
	spin_lock(&targets_lock);
	t = find_locked(task->tgid);
	named = t && !t->inherited;
	if (t)
		target_remove(t);
	spin_unlock(&targets_lock);
	return named;
}

void kpprof_targets_clear(void)
{
	struct kpprof_target *t;
	struct hlist_node *next;
	int i;

	spin_lock(&targets_lock);
	hash_for_each_safe(targets, i, next, t, node)
		target_remove(t);
	spin_unlock(&targets_lock);
}

u32 kpprof_target_count(void)
{
	return READ_ONCE(ntargets);
}

unsigned long kpprof_targets_each(unsigned long from,
				  int (*fn)(const struct kpprof_target *t, void *ctx), void *ctx)
{
	const struct kpprof_target *t;
	unsigned long n = 0;
	int i;

	rcu_read_lock();
	hash_for_each_rcu(targets, i, t, node) {
		if (n >= from && fn(t, ctx))
			goto out;
		n++;
	}
out:
	rcu_read_unlock();
	return n;
}
