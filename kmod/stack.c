// SPDX-License-Identifier: GPL-2.0-only
#include <linux/jiffies.h>
#include <linux/percpu.h>
#include <linux/ptrace.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/uaccess.h>
#include <asm/special_insns.h>
#include <asm/processor.h>

#include "maps.h"
#include "read.h"
#include "stack.h"
#include "stats.h"
#include "target.h"

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

/*
 * Whether execve() has put the new program's address space in place and has not entered the program
 * yet: the registers are the old one's still, and lead nowhere. The loader of ELF files says where
 * the code is (start_code) last, before it sets the new registers.
 */
static bool between_programs(void)
{
	return current->in_execve && !READ_ONCE(current->mm->start_code);
}

static enum kpprof_end user_regs(struct kpprof_stack *s, struct pt_regs *regs)
{
	if (!current->mm || (current->flags & PF_KTHREAD) || !space_is_loaded())
		return KPPROF_END_NO_REGS;
	if (!user_mode(regs))
		regs = task_pt_regs(current);
	/* A kernel worker with a user's memory has none, nor has a program that execve() has not
	 * entered yet. */
	if (!user_mode(regs) || (!regs->ip && !regs->sp) || between_programs())
		return KPPROF_END_NO_REGS;
	kpprof_stack_dwarf(s->regs, regs);
	s->ip = regs->ip;
	return user_64bit_mode(regs) ? KPPROF_END_COMPLETE : KPPROF_END_ABI;
}

static void walk(struct kpprof_stack *s, const struct kpprof_maps *maps,
		 struct kpprof_sample *sample)
{
	struct kpprof_walk walk = {
		.maps = maps ? maps->map : NULL,
		.nmaps = maps ? maps->n : 0,
		.memo = maps ? maps->memo : NULL,
		.ip = s->ip,
	};

	memcpy(walk.regs, s->regs, sizeof(walk.regs));
	pagefault_disable();
	sample->nips = kpprof_walk(&walk, s->pcs, KPPROF_USER_FRAMES_MAX);
	pagefault_enable();
	sample->end = walk.end;
	sample->guesses = min(walk.guesses, 255u);
}

u32 kpprof_stack_read(u64 from, u64 *words, u32 max)
{
	u32 n = 0;

	pagefault_disable();
	while (n < max && !kpprof_read_user(from + 8ull * n, &words[n]))
		n++;
	pagefault_enable();
	return n;
}

static const struct kpprof_maps *maps_of(const struct kpprof_target *t)
{
	const struct kpprof_space *space = t ? rcu_dereference(t->space) : NULL;

	return space && space->mm == current->mm ? space->maps : NULL;
}

/*
 * Stacks are copied only while the agent lacks something, and not more than this on each CPU: what
 * goes over it is a sample of one frame, that says so. Of waits there may be thousands before the
 * agent runs next: copies are not to take the room in its ring from what happened.
 */
#define COPY_WINDOW	 (HZ / 10)
#define COPY_BYTES	 (1600u << 10)
#define COPY_BYTES_SCHED (384u << 10)

static DEFINE_PER_CPU(unsigned long, copy_until);
static DEFINE_PER_CPU(u32, copied);

static bool may_copy(u8 context)
{
	u32 most = context == KPPROF_CONTEXT_SCHED ? COPY_BYTES_SCHED : COPY_BYTES;

	if (time_after_eq(jiffies, this_cpu_read(copy_until))) {
		this_cpu_write(copy_until, jiffies + COPY_WINDOW);
		this_cpu_write(copied, 0);
	}
	return this_cpu_read(copied) < most;
}

/* Ends that may be for want of mappings and rows that the agent has, or will have. */
static bool agent_knows_more(const struct kpprof_sample *s)
{
	return s->end == KPPROF_END_PENDING || s->end == KPPROF_END_NO_MAPPING;
}

bool kpprof_stack_take(struct kpprof_stack *s, const struct kpprof_target *t, struct pt_regs *regs,
		       struct kpprof_sample *sample)
{
	const struct kpprof_maps *maps = maps_of(t);

	sample->cookie = maps ? maps->cookie : 0;
	sample->ips = s->pcs;
	sample->nips = 0;
	sample->end = user_regs(s, regs);
	if (sample->end == KPPROF_END_COMPLETE) {
		walk(s, maps, sample);
	} else if (sample->end == KPPROF_END_ABI) {
		s->pcs[0] = s->ip;
		sample->nips = 1;
	}
	kpprof_count(ends[sample->end]);
	return agent_knows_more(sample) && trace_kpprof_stack_enabled() &&
	       may_copy(sample->context);
}

/* The next part, from @sample->at on. */
static void copy_part(struct kpprof_stack *s, struct kpprof_sample *sample)
{
	u64 from = s->regs[KPPROF_REG_SP] + sample->at;
	u32 max = min_t(u32, ARRAY_SIZE(s->bytes), (KPPROF_STACK_MAX - sample->at) / sizeof(u64));
	u32 n = kpprof_stack_read(from, s->bytes, max);

	sample->stack = s->bytes;
	sample->nstack = n * sizeof(u64);
	sample->whole = n < max;
	sample->more = !sample->whole && sample->at + sample->nstack < KPPROF_STACK_MAX;
}

void kpprof_stack_tell(struct kpprof_stack *s, struct pt_regs *regs, struct kpprof_sample *sample)
{
	sample->ip = s->ip;
	sample->regs = s->regs;
	sample->at = 0;
	do {
		copy_part(s, sample);
		trace_kpprof_stack(regs, sample);
		sample->at += sample->nstack;
	} while (sample->more);
	this_cpu_add(copied, sample->at);
}
