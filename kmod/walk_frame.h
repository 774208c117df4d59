/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The inside of the walker, for walk.c, bridge.c and frame_pointer.c alone: the frame that a walk
 * stands in, and how all of them read the program's memory and look up its mappings. Like the
 * walker, in any context in which the walk's memory may be read.
 */
#ifndef KPPROF_WALK_FRAME_H
#define KPPROF_WALK_FRAME_H

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>

#include "read.h"
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#endif

#include "walk.h"

/* Above this many guesses a stack is worth nothing. */
#define GUESSES_MAX 16
/* Reads that a walk may spend on guessing: a bound for its time in an interrupt. */
#define PEEKS_MAX 4096
/* A frame pointer further from the stack pointer than this is some other value. */
#define FRAME_MAX (1u << 20)

/* Where a frame's rbx is. It is read only when a rule asks for it, which is seldom. */
enum bx { BX_REGISTER, BX_SAVED, BX_LOST };

/**
 * struct kpprof_frame - the frame that the walk stands in
 * @pc: where it executes, or the return address into it
 * @exact: @pc is an instruction that was interrupted, not a return address
 * @regs_known: all of w->regs belong to this frame, not only sp and fp
 * @uncalled: @pc is the first instruction of a function that somebody let return there
 * @fp_unsure: fp came through code that may have changed it
 * @sp: stack pointer
 * @fp: frame pointer register, unless it was @fp_saved
 * @fp_saved: it is at @fp_at, and was not read yet: most code does not need it
 * @fp_at: address
 * @bx: where its rbx is: in w->regs, saved at @bx_at, or not known
 * @bx_at: address
 */
struct kpprof_frame {
	__u64 pc;
	bool exact;
	bool regs_known;
	bool uncalled;
	bool fp_unsure;
	bool fp_saved;
	__u64 sp;
	__u64 fp;
	__u64 fp_at;
	enum bx bx;
	__u64 bx_at;
};

/* The word at a user address; 0, -EFAULT or -ENODATA. In the kernel most of a walk is reads, and a
 * call through a pointer costs as much as one. */
static inline int read_raw(const struct kpprof_walk *w, __u64 addr, __u64 *val)
{
#ifdef __KERNEL__
	if (!w->read)
		return kpprof_read_user(addr, val);
#endif
	return w->read(w->ctx, addr, val);
}

/* The mapping of an address; NULL for none. */
static inline const struct kpprof_map *find_map(const struct kpprof_walk *w, __u64 addr)
{
	__u32 lo = 0, hi = w->nmaps;

	while (lo < hi) {
		__u32 mid = lo + (hi - lo) / 2;

		if (w->maps[mid].end <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == w->nmaps || w->maps[lo].start > addr)
		return NULL;
	return &w->maps[lo];
}

/* Where in its file an address is. */
static inline __u64 offset_in(const struct kpprof_map *map, __u64 addr)
{
	return addr - map->start + map->offset;
}

/* A read that may fail without ending the walk; there is only so much of it. */
static inline bool peek(struct kpprof_walk *w, __u64 addr, __u64 *val)
{
	return w->peeks++ < PEEKS_MAX && !read_raw(w, addr, val);
}

/* The caller, found at @slot, whose word is @ra. */
static inline void step_to(struct kpprof_frame *f, __u64 slot, __u64 ra)
{
	f->pc = ra;
	f->sp = slot + 8;
	f->exact = false;
	f->regs_known = false;
}

#endif /* KPPROF_WALK_FRAME_H */
