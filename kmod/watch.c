// SPDX-License-Identifier: GPL-2.0-only
#include <linux/pid_namespace.h>
#include <linux/sched/signal.h>

#include "governor.h"
#include "probes.h"
#include "sched.h"
#include "stamp.h"
#include "target.h"
#include "watched.h"
#include "watch.h"

/**
 * struct watch - one that exists when it looks at something
 * @what: enum kpprof_watch bits
 * @rate: nanoseconds
 * @box: looks at all processes
 */
struct watch {
	u32 what;
	u64 rate;
	bool box;
};

static struct watch watches[KPPROF_ARMS_MAX];
/* Bits of those that exist. Read by the probe of fork(2). */
static u32 all_watches, box_watches;

bool kpprof_look_at(const struct task_struct *task, struct kpprof_look *look)
{
	const struct kpprof_target *t = kpprof_target_find(task->tgid);
	u32 arms = (t ? READ_ONCE(t->arms) : 0) | READ_ONCE(box_watches);
	unsigned int i;

	*look = (struct kpprof_look){.rate = U64_MAX, .arms = arms & READ_ONCE(all_watches)};
	for (i = 0; i < KPPROF_ARMS_MAX; i++) {
		if (!(look->arms & BIT(i)))
			continue;
		look->what |= READ_ONCE(watches[i].what);
		/* One that does not look at waits has nothing to say about them. */
		if (READ_ONCE(watches[i].what) & (KPPROF_WATCH_BLOCK | KPPROF_WATCH_MUTEX))
			look->rate = min(look->rate, READ_ONCE(watches[i].rate));
	}
	return look->what;
}

int kpprof_watch_open(unsigned int id, u32 what, u64 rate)
{
	/* Before any probe may look for it. */
	int err = kpprof_sched_start(what);

	if (err) {
		if (!all_watches)
			kpprof_sched_stop();
		return err;
	}
	WRITE_ONCE(watches[id].rate, rate);
	WRITE_ONCE(watches[id].what, what);
	WRITE_ONCE(all_watches, all_watches | BIT(id));
	return 0;
}

void kpprof_watch_box(unsigned int id)
{
	watches[id].box = true;
	WRITE_ONCE(box_watches, box_watches | BIT(id));
}

int kpprof_watch_close(unsigned int id)
{
	if (!watches[id].what)
		return -ENOENT;
	WRITE_ONCE(all_watches, all_watches & ~BIT(id));
	WRITE_ONCE(box_watches, box_watches & ~BIT(id));
	memset(&watches[id], 0, sizeof(watches[id]));
	return 0;
}

bool kpprof_watch_exists(unsigned int id)
{
	return watches[id].what;
}

u32 kpprof_watch_count(void)
{
	return hweight32(READ_ONCE(all_watches));
}

static u32 what_of_all(void)
{
	u32 what = 0, i;

	for (i = 0; i < KPPROF_ARMS_MAX; i++)
		what |= watches[i].what;
	return what;
}

/* Watches the threads of a process that are not watched yet. Context: task, RCU reader. */
static void add_threads(struct task_struct *process, u64 now)
{
	struct task_struct *task;

	for_each_thread(process, task) kpprof_watched_add(task, now);
}

static int add_target(const struct kpprof_target *t, void *ctx)
{
	struct task_struct *process;

	if (!(READ_ONCE(t->arms) & all_watches))
		return 0;
	process = pid_task(find_pid_ns(t->tgid, &init_pid_ns), PIDTYPE_TGID);
	if (process)
		add_threads(process, *(u64 *)ctx);
	return 0;
}

/*
 * A thread that is made meanwhile is either found here, or its maker's process was armed before it
 * was made, and the probe of fork(2) adds it.
 */
static void add_all(void)
{
	u64 now = kpprof_stamp();
	struct task_struct *process;

	kpprof_targets_each(0, add_target, &now);
	if (!box_watches)
		return;
	rcu_read_lock();
	for_each_process(process) add_threads(process, now);
	rcu_read_unlock();
}

int kpprof_watch_review(void)
{
	u32 what = what_of_all();
	bool sched = what & (KPPROF_WATCH_BLOCK | KPPROF_WATCH_MUTEX);
	int err = kpprof_probes_sched(sched);

	kpprof_watched_review();
	if (!err && what)
		add_all();
	kpprof_governor_run(what);
	if (!what)
		kpprof_sched_stop();
	return err;
}
