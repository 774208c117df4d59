// SPDX-License-Identifier: GPL-2.0-only
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <asm/special_insns.h>
#include <asm/processor.h>

#include "maps.h"
#include "stack.h"

#ifndef CONFIG_X86_64
#error "kpprof walks the stacks of x86-64"
#endif

static_assert(KPPROF_NREGS == 16);

/* By DWARF number: System V ABI, AMD64 supplement, figure 3.36. */
void kpprof_stack_dwarf(u64 dwarf[KPPROF_NREGS], const struct pt_regs *r)
{
	const u64 regs[KPPROF_NREGS] = {
		r->ax, r->dx, r->cx,  r->bx,  r->si,  r->di,  r->bp,  r->sp,
		r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15,
	};

	memcpy(dwarf, regs, sizeof(regs));
}

/*
 * Whether the thread's own address space is loaded. An NMI can come while the scheduler switches
 * from one to another, or while the kernel patches text through a temporary one; what is read then
 * would be somebody else's. The same test as nmi_uaccess_okay(), which is not exported.
 */
static bool space_is_loaded(void)
{
	return current->mm->pgd == __va(read_cr3_pa());
}

enum kpprof_end kpprof_stack_regs(struct kpprof_stack *s, struct pt_regs *regs)
{
	if (!current->mm || (current->flags & PF_KTHREAD) || !space_is_loaded())
		return KPPROF_END_NO_REGS;
	if (!user_mode(regs))
		regs = task_pt_regs(current);
	/* A kernel worker with a user's memory has none, nor has a program that execve() has not
	 * entered yet. */
	if (!user_mode(regs) || (!regs->ip && !regs->sp))
		return KPPROF_END_NO_REGS;
	kpprof_stack_dwarf(s->regs, regs);
	s->ip = regs->ip;
	return user_64bit_mode(regs) ? KPPROF_END_COMPLETE : KPPROF_END_ABI;
}

static int read_user(void *ctx, __u64 addr, __u64 *val)
{
	if (addr > TASK_SIZE_MAX - sizeof(*val))
		return -EFAULT;
	return __get_user(*val, (const __u64 __user *)(unsigned long)addr) ? -EFAULT : 0;
}

void kpprof_stack_walk(struct kpprof_stack *s, const struct kpprof_maps *maps,
		       struct kpprof_sample *sample)
{
	struct kpprof_walk walk = {
		.maps = maps ? maps->map : NULL,
		.nmaps = maps ? maps->n : 0,
		.ip = s->ip,
		.read = read_user,
	};

	memcpy(walk.regs, s->regs, sizeof(walk.regs));
	pagefault_disable();
	sample->nips = kpprof_walk(&walk, s->pcs, KPPROF_USER_FRAMES_MAX);
	pagefault_enable();
	sample->ips = s->pcs;
	sample->end = walk.end;
	sample->guesses = min(walk.guesses, 255u);
}

u32 kpprof_stack_read(u64 from, u64 *words, u32 max)
{
	u32 n = 0;

	pagefault_disable();
	while (n < max && !read_user(NULL, from + 8ull * n, &words[n]))
		n++;
	pagefault_enable();
	return n;
}

void kpprof_stack_copy(struct kpprof_stack *s, struct kpprof_sample *sample)
{
	u64 from = s->regs[KPPROF_REG_SP] + sample->at;
	u32 max = min_t(u32, ARRAY_SIZE(s->bytes), (KPPROF_STACK_MAX - sample->at) / sizeof(u64));
	u32 n = kpprof_stack_read(from, s->bytes, max);

	sample->stack = s->bytes;
	sample->nstack = n * sizeof(u64);
	sample->whole = n < max;
	sample->more = !sample->whole && sample->at + sample->nstack < KPPROF_STACK_MAX;
}
