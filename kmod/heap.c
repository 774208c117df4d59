// SPDX-License-Identifier: GPL-2.0-only
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/perf_event.h>
#include <linux/pid_namespace.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "client.h"
#include "compat.h"
#include "heap_parts.h"
#include "prologue.h"
#include "target.h"

static struct kpprof_heap *heaps[KPPROF_ARMS_MAX];
static u32 nheaps;
static atomic_t nuprobes = ATOMIC_INIT(0);
/*
 * An event of a thread that counts nothing. The kernel looks at switches of threads while there is
 * such an event, and waits for a grace period when the first one comes: not in a sampled call.
 */
static struct perf_event *keeper;

u32 kpprof_heap_count(void)
{
	return READ_ONCE(nheaps);
}

u32 kpprof_uprobes_count(void)
{
	return atomic_read(&nuprobes);
}

bool kpprof_heap_exists(unsigned int id)
{
	return heaps[id];
}

/* ---- arms */

static void heap_free(struct kref *refs)
{
	struct kpprof_heap *h = container_of(refs, struct kpprof_heap, refs);

	kpprof_blocks_deinit(&h->blocks);
	free_percpu(h->cpus);
	kfree(h);
}

static void heap_put(struct kpprof_heap *h)
{
	kref_put(&h->refs, heap_free);
}

/* Each CPU begins somewhere between two samples. */
static void fill_cpus(struct kpprof_heap *h)
{
	int cpu;

	for_each_possible_cpu(cpu)
		per_cpu_ptr(h->cpus, cpu)->left = kpprof_heap_gap(h->rate);
}

static struct kpprof_heap *heap_create(unsigned int id, u64 rate)
{
	struct kpprof_heap *h = kzalloc(sizeof(*h), GFP_KERNEL);

	if (!h)
		return NULL;
	kref_init(&h->refs);
	h->id = id;
	h->rate = rate;
	INIT_LIST_HEAD(&h->processes);
	h->cpus = alloc_percpu(struct kpprof_heap_cpu);
	if (!h->cpus || kpprof_blocks_init(&h->blocks)) {
		heap_put(h);
		return NULL;
	}
	fill_cpus(h);
	return h;
}

static int keeper_open(void)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
	};
	struct perf_event *event;

	if (keeper)
		return 0;
	event = perf_event_create_kernel_counter(&attr, -1, current, NULL, NULL);
	if (IS_ERR(event))
		return PTR_ERR(event);
	keeper = event;
	return 0;
}

/* What all arms share; @want: there is one. */
static int shared(bool want)
{
	int err;

	if (want) {
		err = kpprof_heap_rooms(true);
		return err ? err : keeper_open();
	}
	if (keeper)
		perf_event_release_kernel(keeper);
	keeper = NULL;
	kpprof_heap_calls_idle();
	return kpprof_heap_rooms(false);
}

int kpprof_heap_open(unsigned int id, u64 rate, struct netlink_ext_ack *extack)
{
	int err;

	if (heaps[id] && heaps[id]->rate != rate) {
		NL_SET_ERR_MSG(extack, "the arm has another rate");
		return -EINVAL;
	}
	if (heaps[id])
		return 0;
	err = shared(true);
	if (!err) {
		heaps[id] = heap_create(id, rate);
		err = heaps[id] ? 0 : -ENOMEM;
	}
	if (!err)
		WRITE_ONCE(nheaps, nheaps + 1);
	else if (!nheaps)
		shared(false);
	return err;
}

/* ---- probes */

static bool filter(KPPROF_UPROBE_FILTER_ARGS)
{
	return mm == container_of(uc, struct kpprof_heap_probe, uc)->process->mm;
}

static int probe_register(struct kpprof_heap_probe *probe)
{
	int err;

	probe->uc.handler = kpprof_heap_hit;
	probe->uc.filter = filter;
	err = kpprof_uprobe_register(file_inode(probe->file), probe->offset, &probe->uc,
				     &probe->uprobe);
	probe->on = !err;
	if (!err)
		atomic_inc(&nuprobes);
	return err;
}

/* No handler of theirs runs on return. */
static void probes_unregister(struct kpprof_heap_process *p)
{
	bool any = false;
	u32 i;

	for (i = 0; i < p->n; i++) {
		struct kpprof_heap_probe *probe = &p->probes[i];

		if (!probe->on)
			continue;
		kpprof_uprobe_unregister(file_inode(probe->file), probe->offset, &probe->uc,
					 probe->uprobe);
		probe->on = false;
		atomic_dec(&nuprobes);
		any = true;
	}
	if (any)
		kpprof_uprobe_synchronize();
}

/* The file's bytes, and not those in memory, where other probes may be. */
static int check_code(struct file *file, loff_t start, u64 ahead)
{
	u8 code[KPPROF_PROBE_AHEAD + 16];
	ssize_t n;

	if (!ahead)
		return 0;
	n = kernel_read(file, code, sizeof(code), &start);
	if (n < 0)
		return n;
	return ahead < n && kpprof_prologue_fits(code, n, ahead) ? 0 : -EILSEQ;
}

/* The file that is mapped at @addr, with a reference; NULL for none. */
static struct file *file_at(struct mm_struct *mm, u64 start, u64 at, loff_t *offset)
{
	struct file *file = NULL;
	struct vm_area_struct *vma;

	mmap_read_lock(mm);
	vma = find_vma(mm, start);
	if (vma && vma->vm_start <= start && at < vma->vm_end && vma->vm_file &&
	    vma->vm_flags & VM_EXEC) {
		file = get_file(vma->vm_file);
		*offset = start - vma->vm_start + ((loff_t)vma->vm_pgoff << PAGE_SHIFT);
	}
	mmap_read_unlock(mm);
	return file;
}

static int probe_prepare(struct kpprof_heap_probe *probe, struct mm_struct *mm,
			 struct netlink_ext_ack *extack)
{
	const struct kpprof_heap_site *site = &probe->site;
	loff_t start;
	int err;

	probe->file = file_at(mm, site->start, site->at, &start);
	if (!probe->file) {
		NL_SET_ERR_MSG(extack, "no code of a file is mapped at a probe's address");
		return -EFAULT;
	}
	probe->offset = start + (site->at - site->start);
	err = check_code(probe->file, start, site->at - site->start);
	if (err)
		NL_SET_ERR_MSG(extack, "a probe is not known to be at an instruction");
	return err;
}

/* ---- processes */

static void process_free(struct kref *refs)
{
	struct kpprof_heap_process *p = container_of(refs, struct kpprof_heap_process, refs);
	u32 i;

	kpprof_blocks_forget(&p->heap->blocks, p);
	for (i = 0; i < p->n; i++)
		if (p->probes[i].file)
			fput(p->probes[i].file);
	mmdrop(p->mm);
	heap_put(p->heap);
	kfree(p);
}

void kpprof_heap_process_put(struct kpprof_heap_process *p)
{
	kref_put(&p->refs, process_free);
}

/* Takes the probes out, and gives up the list's reference. */
static void process_end(struct kpprof_heap_process *p)
{
	list_del(&p->node);
	WRITE_ONCE(p->dying, true);
	probes_unregister(p);
	kpprof_heap_calls_end(p);
	kpprof_heap_process_put(p);
}

static struct kpprof_heap_process *process_find(const struct kpprof_heap *h, pid_t tgid)
{
	struct kpprof_heap_process *p;

	list_for_each_entry(p, &h->processes, node)
		if (p->tgid == tgid)
			return p;
	return NULL;
}

static struct kpprof_heap_process *process_create(struct kpprof_heap *h, pid_t tgid,
						  struct mm_struct *mm,
						  const struct kpprof_heap_site *sites, u32 n)
{
	struct kpprof_heap_process *p = kzalloc(struct_size(p, probes, n), GFP_KERNEL);
	u32 i;

	if (!p)
		return NULL;
	kref_init(&p->refs);
	kref_get(&h->refs);
	p->heap = h;
	p->tgid = tgid;
	mmgrab(mm);
	p->mm = mm;
	p->n = n;
	for (i = 0; i < n; i++) {
		p->probes[i].process = p;
		p->probes[i].site = sites[i];
	}
	list_add(&p->node, &h->processes);
	return p;
}

/* Frees first: no block is followed of which the end is not seen. */
static int probes_register(struct kpprof_heap_process *p, struct netlink_ext_ack *extack)
{
	int err = 0, frees;
	u32 i;

	for (frees = 1; frees >= 0 && !err; frees--)
		for (i = 0; i < p->n && !err; i++)
			if ((p->probes[i].site.kind == KPPROF_ALLOC_FREE) == frees)
				err = probe_register(&p->probes[i]);
	if (err)
		NL_SET_ERR_MSG(extack, "the kernel does not put a probe there");
	return err;
}

static int attach(struct kpprof_heap *h, pid_t tgid, struct mm_struct *mm,
		  const struct kpprof_heap_site *sites, u32 n, struct netlink_ext_ack *extack)
{
	struct kpprof_heap_process *p = process_create(h, tgid, mm, sites, n);
	int err = 0;
	u32 i;

	if (!p)
		return -ENOMEM;
	for (i = 0; i < n && !err; i++)
		err = probe_prepare(&p->probes[i], mm, extack);
	if (!err)
		err = probes_register(p, extack);
	if (err)
		process_end(p);
	return err;
}

int kpprof_heap_attach(unsigned int id, pid_t tgid, const struct kpprof_heap_site *sites, u32 n,
		       struct netlink_ext_ack *extack)
{
	struct kpprof_heap *h = heaps[id];
	struct mm_struct *mm;
	int err;

	if (process_find(h, tgid)) {
		NL_SET_ERR_MSG(extack, "the arm probes this process already");
		return -EEXIST;
	}
	mm = kpprof_process_mm(tgid);
	if (!mm) {
		NL_SET_ERR_MSG(extack, "no such process, or one without memory");
		return -ESRCH;
	}
	err = attach(h, tgid, mm, sites, n, extack);
	mmput(mm);
	return err;
}

void kpprof_heap_detach(unsigned int id, pid_t tgid)
{
	struct kpprof_heap_process *p = process_find(heaps[id], tgid);

	if (p)
		process_end(p);
}

int kpprof_heap_close(unsigned int id)
{
	struct kpprof_heap *h = heaps[id];
	struct kpprof_heap_process *p, *next;

	if (!h)
		return -ENOENT;
	list_for_each_entry_safe(p, next, &h->processes, node) process_end(p);
	heaps[id] = NULL;
	WRITE_ONCE(nheaps, nheaps - 1);
	heap_put(h);
	if (!nheaps)
		shared(false);
	return 0;
}

/* ---- the end of processes */

static bool is_gone(const struct kpprof_heap_process *p)
{
	return !atomic_read(&p->mm->mm_users) || !kpprof_process_lives(p->tgid);
}

static void end_gone(struct work_struct *work)
{
	struct kpprof_heap_process *p, *next;
	int i;

	mutex_lock(&kpprof_lock);
	for (i = 0; i < KPPROF_ARMS_MAX; i++)
		if (heaps[i])
			list_for_each_entry_safe(p, next, &heaps[i]->processes,
						 node) if (is_gone(p)) process_end(p);
	mutex_unlock(&kpprof_lock);
}

static DECLARE_WORK(end_gone_work, end_gone);

void kpprof_heap_exit(struct task_struct *task)
{
	if (!kpprof_heap_count())
		return;
	kpprof_heap_calls_leave();
	rcu_read_lock();
	if (!atomic_read(&task->signal->live) && kpprof_target_find(task->tgid))
		queue_work(kpprof_wq, &end_gone_work);
	rcu_read_unlock();
}

/* ---- what was counted */

int kpprof_heap_counts(unsigned int id, struct kpprof_heap_counts *out)
{
	const struct kpprof_heap *h = heaps[id];
	int cpu;

	if (!h)
		return -ENOENT;
	*out = (struct kpprof_heap_counts){
		.live = atomic_read(&h->blocks.n),
		.overflow = atomic64_read(&h->overflow),
		.unplaced = atomic64_read(&h->unplaced),
		.missed = atomic64_read(&h->missed),
		.dropped = atomic64_read(&h->dropped),
	};
	for_each_possible_cpu(cpu) {
		const struct kpprof_heap_cpu *c = per_cpu_ptr(h->cpus, cpu);

		out->allocs += READ_ONCE(c->allocs);
		out->bytes += READ_ONCE(c->bytes);
		out->frees += READ_ONCE(c->frees);
	}
	return 0;
}

int kpprof_heap_list(unsigned int id, u32 *chain, u64 *seqs, u32 max)
{
	return heaps[id] ? kpprof_blocks_list(&heaps[id]->blocks, chain, seqs, max) : -ENOENT;
}

void kpprof_heap_deinit(void)
{
	cancel_work_sync(&end_gone_work);
	kpprof_heap_calls_deinit();
}
