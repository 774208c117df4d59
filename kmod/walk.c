// SPDX-License-Identifier: GPL-2.0-only
#include "bridge.h"
#include "frame_pointer.h"
#include "insn.h"
#include "walk_frame.h"

/* No frame is larger. */
#define CFA_MAX (1ull << 32)

/* A row of KPPROF_RULE_NONE is what code without rows looks like; @start is an address, 0 for
 * unknown. */
static const struct kpprof_rule *find_rule(const struct kpprof_map *map, __u64 addr, __u64 *start)
{
	static const struct kpprof_rule none;
	const struct kpprof_rule *rule = NULL;
	__u64 at = 0;

	if (map->rows)
		rule = kpprof_rows_find(map->rows, offset_in(map, addr), &at);
	*start = rule && at >= map->offset ? map->start + (at - map->offset) : 0;
	return rule ? rule : &none;
}

static bool read_word(struct kpprof_walk *w, __u64 addr, __u64 *val)
{
	int err = read_raw(w, addr, val);

	if (err)
		w->end = err == -ENODATA ? KPPROF_END_NOT_DUMPED : KPPROF_END_UNREADABLE;
	return !err;
}

#define ENDBR64 0xfa1e0ff3u

/* Whether these are the bytes of `push %rbp; mov %rsp,%rbp`. */
static bool sets_up_fp(__u64 code)
{
	return kpprof_insn_byte(code, 0) == 0x55 && kpprof_insn_sets_fp(code, 1);
}

/* Whether a function begins so, after an endbr64 if there is one. */
static bool has_fp_prologue(struct kpprof_walk *w, __u64 function, __u64 *push)
{
	__u64 code;

	*push = function;
	if (!function || !peek(w, function, &code))
		return false;
	if ((__u32)code == ENDBR64) {
		*push = function + 4;
		code >>= 32;
	}
	return sets_up_fp(code);
}

/* One step along the frame pointer, if what it points to looks like a frame. */
static bool step_fp(struct kpprof_walk *w, struct kpprof_frame *f)
{
	__u64 fp, ra, to;

	if (f->fp < f->sp || f->fp - f->sp > FRAME_MAX || (f->fp & 7))
		return false;
	if (!peek(w, f->fp, &fp) || !peek(w, f->fp + 8, &ra))
		return false;
	if (ra && kpprof_call_before(w, ra, &to) == KPPROF_CALL_NONE)
		return false;
	step_to(f, f->fp + 8, ra);
	f->fp = fp;
	f->bx = BX_LOST;
	return true;
}

/*
 * Whether a leaf has no frame yet or no more, and at which slot its return address is then: on a
 * ret, up to `push %rbp` (@push, where the function is known), or between that and `mov
 * %rsp,%rbp`.
 */
static bool is_frameless(struct kpprof_walk *w, const struct kpprof_frame *f, __u64 push,
			 __u64 *slot)
{
	__u64 code;

	*slot = f->sp;
	if (f->pc < push)
		return true;
	if (!peek(w, f->pc, &code))
		return false;
	if (kpprof_insn_byte(code, 0) == 0xc3 || sets_up_fp(code) ||
	    ((__u32)code == ENDBR64 && sets_up_fp(code >> 32)))
		return true;
	*slot = f->sp + 8;
	return kpprof_insn_sets_fp(code, 0) && peek(w, f->pc - 1, &code) && sets_up_fp(code);
}

/*
 * Code without rows. @keeps_fp: that it keeps frame pointers; where the function's first
 * instructions are known they tell, and whether the leaf has set its own up yet.
 */
static bool step_without_rows(struct kpprof_walk *w, struct kpprof_frame *f, __u64 function,
			      bool keeps_fp)
{
	__u64 push, slot, ra, to;
	bool begins_so = has_fp_prologue(w, function, &push);

	if (f->exact && is_frameless(w, f, begins_so ? push : 0, &slot) && peek(w, slot, &ra) &&
	    kpprof_call_before(w, ra, &to) != KPPROF_CALL_NONE) {
		step_to(f, slot, ra);
		f->bx = BX_LOST;
		return true;
	}
	if ((begins_so || keeps_fp) && !f->fp_unsure && step_fp(w, f))
		return true;
	if (kpprof_guess(w, f, function))
		return true;
	w->end = KPPROF_END_NO_ROWS;
	return false;
}

/* ucontext_t of x86-64: the general registers stand 40 bytes into it (sys/ucontext.h). */
static bool step_signal(struct kpprof_walk *w, struct kpprof_frame *f)
{
	static const __u8 dwarf_of[] = {8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7};
	__u64 at = f->sp + 40;
	unsigned int i;

	for (i = 0; i < sizeof(dwarf_of); i++)
		if (!read_word(w, at + 8 * i, &w->regs[dwarf_of[i]]))
			return false;
	if (!read_word(w, at + 8 * i, &f->pc))
		return false;
	f->sp = w->regs[KPPROF_REG_SP];
	f->fp = w->regs[KPPROF_REG_FP];
	f->exact = true;
	f->regs_known = true;
	f->fp_unsure = false;
	f->bx = BX_REGISTER;
	return true;
}

static bool rule_base(struct kpprof_walk *w, const struct kpprof_frame *f,
		      const struct kpprof_rule *rule, __u64 *base)
{
	if (rule->reg == KPPROF_REG_SP) {
		*base = f->sp;
	} else if (rule->reg == KPPROF_REG_FP) {
		*base = f->fp;
	} else if (rule->reg == KPPROF_REG_BX && f->bx == BX_SAVED) {
		return read_word(w, f->bx_at, base);
	} else if (rule->reg < KPPROF_NREGS &&
		   (rule->reg == KPPROF_REG_BX ? f->bx == BX_REGISTER : f->regs_known)) {
		*base = w->regs[rule->reg];
	} else {
		w->end = KPPROF_END_UNSUPPORTED;
		return false;
	}
	return true;
}

static bool find_cfa(struct kpprof_walk *w, const struct kpprof_frame *f,
		     const struct kpprof_rule *rule, __u64 *cfa)
{
	__u64 base;

	if (!rule_base(w, f, rule, &base))
		return false;
	*cfa = base + (__u64)(__s64)rule->off;
	if (rule->kind == KPPROF_RULE_DEREF) {
		if (!read_word(w, *cfa, cfa))
			return false;
		*cfa += (__u64)(__s64)rule->off2;
	} else if (rule->kind == KPPROF_RULE_PLT) {
		*cfa += (f->pc & 15) >= (__u64)(__s64)rule->off2 ? 8 : 0;
	}
	if (*cfa - f->sp - 8 > CFA_MAX) {
		w->end = KPPROF_END_NO_PROGRESS;
		return false;
	}
	return true;
}

static void restore_fp(struct kpprof_walk *w, struct kpprof_frame *f,
		       const struct kpprof_rule *rule, __u64 cfa)
{
	__u64 at = rule->fp == KPPROF_FP_CFA ? cfa : f->fp;

	if (rule->fp == KPPROF_FP_SAME)
		return;
	if (rule->fp == KPPROF_FP_LOST || read_raw(w, at + (__u64)(__s64)rule->fp_off, &f->fp))
		f->fp_unsure = true;
	else if (rule->fp == KPPROF_FP_CFA)
		f->fp_unsure = false;
}

static void restore_bx(struct kpprof_frame *f, const struct kpprof_rule *rule, __u64 cfa)
{
	if (rule->bx == KPPROF_BX_LOST) {
		f->bx = BX_LOST;
	} else if (rule->bx) {
		f->bx = BX_SAVED;
		f->bx_at = cfa - 8ull * rule->bx;
	}
}

/* Whether the frame pointer, which may be anything, leads to a return address. */
static bool fp_leads_to_call(struct kpprof_walk *w, const struct kpprof_frame *f,
			     const struct kpprof_rule *rule)
{
	__u64 cfa, ra, to;

	return find_cfa(w, f, rule, &cfa) && peek(w, cfa - 8, &ra) &&
	       kpprof_call_before(w, ra, &to) != KPPROF_CALL_NONE;
}

static bool step_cfa(struct kpprof_walk *w, struct kpprof_frame *f, const struct kpprof_map *map,
		     __u64 addr, const struct kpprof_rule *rule)
{
	__u64 cfa, ra;

	/* A frame pointer that passed through unknown code must lead to a return address to be
	 * believed. */
	if (f->fp_unsure && rule->reg == KPPROF_REG_FP && !fp_leads_to_call(w, f, rule) &&
	    !kpprof_recover_fp(w, f, map, addr, rule)) {
		w->end = KPPROF_END_NO_FP;
		return kpprof_guess(w, f, 0);
	}
	if (!find_cfa(w, f, rule, &cfa) || !read_word(w, cfa - 8, &ra))
		return false;
	restore_fp(w, f, rule, cfa);
	restore_bx(f, rule, cfa);
	step_to(f, cfa - 8, ra);
	return true;
}

/*
 * Whether the return address is one that nobody has called from: the first byte of a function,
 * behind padding. makecontext() puts such a one at the bottom of a stack.
 */
static bool is_uncalled(struct kpprof_walk *w, const struct kpprof_frame *f,
			const struct kpprof_map *map)
{
	__u64 start, to;

	return !f->exact && f->pc < map->end && find_rule(map, f->pc, &start)->kind &&
	       start == f->pc && kpprof_call_before(w, f->pc, &to) == KPPROF_CALL_NONE;
}

/* A system call returns 0 to the child; while the parent is in it, its rax is -ENOSYS. */
static bool is_clone_child(const struct kpprof_walk *w, const struct kpprof_frame *f)
{
	return f->regs_known && !w->regs[KPPROF_REG_AX];
}

/* From a frame to its caller; false with w->end set when there is none or it cannot be found. */
static bool step(struct kpprof_walk *w, struct kpprof_frame *f, const struct kpprof_map *map,
		 __u64 addr)
{
	__u64 function;
	const struct kpprof_rule *rule = find_rule(map, addr, &function);

	w->end = KPPROF_END_UNSUPPORTED;
	switch (rule->kind) {
	case KPPROF_RULE_NONE:
		f->uncalled = is_uncalled(w, f, map);
		w->end = f->uncalled ? KPPROF_END_COMPLETE : w->end;
		return !f->uncalled && step_without_rows(w, f, function, !map->rows);
	case KPPROF_RULE_FP:
		return step_without_rows(w, f, 0, true);
	case KPPROF_RULE_STOP:
		w->end = KPPROF_END_COMPLETE;
		return false;
	case KPPROF_RULE_CFA:
	case KPPROF_RULE_DEREF:
	case KPPROF_RULE_PLT:
		return step_cfa(w, f, map, addr, rule);
	case KPPROF_RULE_CLONE:
		w->end = KPPROF_END_COMPLETE;
		return !is_clone_child(w, f) && step_cfa(w, f, map, addr, rule);
	case KPPROF_RULE_SIGNAL:
		return step_signal(w, f);
	case KPPROF_RULE_SWITCH:
		w->end = KPPROF_END_SWITCH;
		return false;
	default:
		return false;
	}
}

/*
 * A leaf outside all code was called through a bad pointer or is being unmapped; the return address
 * of that call is on top of the stack.
 */
static bool step_from_nowhere(struct kpprof_walk *w, struct kpprof_frame *f)
{
	__u64 ra, to;

	w->end = KPPROF_END_NO_MAPPING;
	if (!f->exact || !peek(w, f->sp, &ra) || kpprof_call_before(w, ra, &to) == KPPROF_CALL_NONE)
		return false;
	step_to(f, f->sp, ra);
	return true;
}

/* The frame pointer from where it was saved; when that cannot be read it is not known. */
static void load_fp(const struct kpprof_walk *w, struct kpprof_frame *f)
{
	if (f->fp_saved && read_raw(w, f->fp_at, &f->fp))
		f->fp_unsure = true;
	f->fp_saved = false;
}

/*
 * The step that nearly all are: the CFA is an offset from a register that is known. As step_cfa(),
 * which does the others; false, for it to see to the frame.
 */
static inline bool step_plain(const struct kpprof_walk *w, struct kpprof_frame *f,
			      const struct kpprof_rule *rule)
{
	__u64 cfa, ra;

	if (rule->kind != KPPROF_RULE_CFA)
		return false;
	if (rule->reg == KPPROF_REG_SP) {
		cfa = f->sp;
	} else if (rule->reg == KPPROF_REG_FP) {
		load_fp(w, f);
		cfa = f->fp;
	} else {
		return false;
	}
	cfa += (__u64)(__s64)rule->off;
	if (f->fp_unsure || rule->fp > KPPROF_FP_CFA || cfa - f->sp - 8 > CFA_MAX ||
	    read_raw(w, cfa - 8, &ra))
		return false;
	if (rule->fp) {
		f->fp_at = cfa + (__u64)(__s64)rule->fp_off;
		f->fp_saved = true;
	}
	if (rule->bx)
		restore_bx(f, rule, cfa);
	step_to(f, cfa - 8, ra);
	return true;
}

/* An entry of the memo: so many bits for the rule's number, the others for an address that needs no
 * more. */
#define MEMO_RULE_BITS 16
#define MEMO_RULE_MASK ((1u << MEMO_RULE_BITS) - 1)

static inline __u64 *memo_of(const struct kpprof_walk *w, __u64 addr)
{
	return &w->memo[addr * 0x9e3779b97f4a7c15 >> (64 - KPPROF_MEMO_BITS)];
}

/* As kpprof_rows_find(), and remembers what it found. */
static const struct kpprof_rule *
learn_rule(const struct kpprof_walk *w, const struct kpprof_rows *rows, __u64 addr, __u64 offset)
{
	const struct kpprof_rule *rule = kpprof_rows_find(rows, offset, NULL);

	if (rule && !(addr >> (64 - MEMO_RULE_BITS)))
		*(volatile __u64 *)memo_of(w, addr) =
			addr << MEMO_RULE_BITS | (__u64)(rule - rows->rules);
	return rule;
}

/*
 * The rule at @addr, which is at @offset of the file with these rows; NULL as kpprof_rows_find().
 * The memo's words are read and written whole: who walks on another CPU meanwhile finds one entry
 * or the other.
 */
static inline const struct kpprof_rule *
recall_rule(const struct kpprof_walk *w, const struct kpprof_rows *rows, __u64 addr, __u64 offset)
{
	__u64 entry = *(volatile __u64 *)memo_of(w, addr);

	if (entry >> MEMO_RULE_BITS == addr && (entry & MEMO_RULE_MASK) < rows->nrules)
		return &rows->rules[entry & MEMO_RULE_MASK];
	return learn_rule(w, rows, addr, offset);
}

static void note_depth(struct kpprof_walk *w, const struct kpprof_frame *f)
{
	__u64 from = w->first_sp;

	if (f->sp > from && f->sp - from > w->depth)
		w->depth = f->sp - from;
}

/* A frame that is not plain. */
static bool step_slowly(struct kpprof_walk *w, struct kpprof_frame *f, const struct kpprof_map *map,
			__u64 addr)
{
	bool stepped;

	/* It may lead to another stack. */
	note_depth(w, f);
	load_fp(w, f);
	if (map && map->flags & KPPROF_MAP_PENDING) {
		w->end = KPPROF_END_PENDING;
		w->end_map = (__u32)(map - w->maps);
		return false;
	}
	stepped = map ? step(w, f, map, addr) : step_from_nowhere(w, f);
	if (stepped)
		note_depth(w, f);
	return stepped;
}

/* Whether the caller can be one: it is code, and not the end of all frames. A stack that was
 * guessed does not end at a word that is 0: it may be any. */
static bool is_caller(struct kpprof_walk *w, const struct kpprof_frame *f,
		      const struct kpprof_map *map)
{
	if (map && f->pc)
		return true;
	if (f->pc)
		w->end = KPPROF_END_NO_MAPPING;
	else
		w->end = w->guesses ? KPPROF_END_NO_ROWS : KPPROF_END_COMPLETE;
	return false;
}

unsigned int kpprof_walk(struct kpprof_walk *w, __u64 *pcs, unsigned int max)
{
	const struct kpprof_map *map = NULL;
	const struct kpprof_rows *rows = NULL;
	const struct kpprof_rule *rule;
	/* Of the mapping; no address is in an empty one. */
	__u64 start = 0, size = 0, offset = 0;
	struct kpprof_frame f = {
		.pc = w->ip,
		.exact = true,
		.regs_known = !w->only_sp,
		.fp_unsure = w->only_sp,
		.bx = w->only_sp ? BX_LOST : BX_REGISTER,
		.sp = w->regs[KPPROF_REG_SP],
		.fp = w->only_sp ? 0 : w->regs[KPPROF_REG_FP],
	};
	unsigned int n = 0;

	w->first_sp = f.sp;
	w->guesses = 0;
	w->peeks = 0;
	w->depth = 0;
	w->end = KPPROF_END_TOO_DEEP;
	while (n < max) {
		__u64 addr = f.exact ? f.pc : f.pc - 1;

		if (addr - start >= size) {
			map = find_map(w, addr);
			start = map ? map->start : 0;
			size = map ? map->end - start : 0;
			offset = map ? map->offset - start : 0;
			rows = map && !map->flags && w->memo ? map->rows : NULL;
		}
		if (!f.exact && !is_caller(w, &f, map))
			break;
		pcs[n++] = addr;
		rule = rows ? recall_rule(w, rows, addr, addr + offset) : NULL;
		if (rule && step_plain(w, &f, rule))
			continue;
		if (!step_slowly(w, &f, map, addr)) {
			pcs[n - 1] = f.uncalled ? f.pc : addr;
			return n;
		}
		w->end = KPPROF_END_TOO_DEEP;
	}
	note_depth(w, &f);
	return n;
}
