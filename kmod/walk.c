// SPDX-License-Identifier: GPL-2.0-only
#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/types.h>

#include "read.h"
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#endif

#include "insn.h"
#include "walk.h"

/* Above this many guesses a stack is worth nothing. */
#define GUESSES_MAX 16
/* Reads that a walk may spend on guessing: a bound for its time in an interrupt. */
#define PEEKS_MAX 4096
/* How far into a function a tail call is looked for, in bytes. */
#define TAIL_CALL_BYTES 256
/* Rows in which the beginning of a function is looked for, backwards. */
#define ENTRY_ROWS_MAX 128
/* Instructions of a prologue that are looked at. */
#define PROLOGUE_MAX 24
/* How far into a function it is checked that its frame keeps its size, in bytes. */
#define FIXED_BYTES 2048
/* A frame pointer further from the stack pointer than this is some other value. */
#define FRAME_MAX (1u << 20)

/* No frame is larger. */
#define CFA_MAX (1ull << 32)

/* Where a frame's rbx is. It is read only when a rule asks for it, which is seldom. */
enum bx { BX_REGISTER, BX_SAVED, BX_LOST };

/**
 * struct frame - the frame that the walk stands in
 * @pc: where it executes, or the return address into it
 * @exact: @pc is an instruction that was interrupted, not a return address
 * @regs_known: all of w->regs belong to this frame, not only sp and fp
 * @fp_unsure: fp came through code that may have changed it
 * @sp: stack pointer
 * @fp: frame pointer register, unless it was @fp_saved
 * @fp_saved: it is at @fp_at, and was not read yet: most code does not need it
 * @fp_at: address
 * @bx: where its rbx is: in w->regs, saved at @bx_at, or not known
 * @bx_at: address
 */
struct frame {
	__u64 pc;
	bool exact;
	bool regs_known;
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

static const struct kpprof_map *find_map(const struct kpprof_walk *w, __u64 addr)
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

static __u64 offset_in(const struct kpprof_map *map, __u64 addr)
{
	return addr - map->start + map->offset;
}

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

/* A read that may fail without ending the walk; there is only so much of it. */
static bool peek(struct kpprof_walk *w, __u64 addr, __u64 *val)
{
	return w->peeks++ < PEEKS_MAX && !read_raw(w, addr, val);
}

enum call_kind { CALL_NONE, CALL_DIRECT, CALL_INDIRECT };

/* Whether a call instruction ends at @ra; where to, for a direct one. */
static enum call_kind call_before(struct kpprof_walk *w, __u64 ra, __u64 *to)
{
	const struct kpprof_map *map = find_map(w, ra - 1);
	unsigned int i;
	__u64 code;

	if (!map || ra - map->start < 8 || !peek(w, ra - 8, &code))
		return CALL_NONE;
	if (kpprof_insn_byte(code, 3) == 0xe8) {
		*to = ra + (__u64)(__s64)(__s32)(code >> 32);
		if (find_map(w, *to))
			return CALL_DIRECT;
	}
	for (i = 1; i <= 6; i++)
		if (kpprof_insn_call_length(code, i) == 8 - i)
			return CALL_INDIRECT;
	return CALL_NONE;
}

enum tail_call { TAIL_NONE, TAIL_SOMEWHERE, TAIL_HERE };

/*
 * Whether what is called at @callee may have jumped on to @function: what was called is then not
 * what is found to be running. The search is by bytes, not by instructions.
 */
static enum tail_call tail_call(struct kpprof_walk *w, __u64 callee, __u64 function)
{
	enum tail_call found = TAIL_NONE;
	unsigned int at, i;
	__u64 code;

	for (at = 0; at < TAIL_CALL_BYTES; at += 4) {
		if (!peek(w, callee + at, &code))
			break;
		for (i = 0; i < 4; i++) {
			if (function && kpprof_insn_jump_target(code, i, callee + at) == function)
				return TAIL_HERE;
			if (kpprof_insn_jumps_by_pointer(code, i))
				found = TAIL_SOMEWHERE;
		}
	}
	return found;
}

/* The caller, found at @slot, whose word is @ra. */
static void step_to(struct frame *f, __u64 slot, __u64 ra)
{
	f->pc = ra;
	f->sp = slot + 8;
	f->exact = false;
	f->regs_known = false;
}

enum evidence { EVIDENCE_NONE, EVIDENCE_WEAK, EVIDENCE_STRONG };

/*
 * How likely @val is the return address of the call that led into @function. A direct call of the
 * function, or of one that jumps on to it, is certain enough; an indirect call, or a call of
 * something that jumps on through a pointer, is possible. A direct call of another function is left
 * over from earlier.
 */
static enum evidence weigh(struct kpprof_walk *w, __u64 val, __u64 function)
{
	__u64 to;

	switch (call_before(w, val, &to)) {
	case CALL_DIRECT:
		if (to == function)
			return EVIDENCE_STRONG;
		switch (tail_call(w, to, function)) {
		case TAIL_HERE:
			return EVIDENCE_STRONG;
		case TAIL_SOMEWHERE:
			return EVIDENCE_WEAK;
		case TAIL_NONE:
			break;
		}
		return EVIDENCE_NONE;
	case CALL_INDIRECT:
		return EVIDENCE_WEAK;
	case CALL_NONE:
		break;
	}
	return EVIDENCE_NONE;
}

/* Look up the stack for a return address: the nearest with strong evidence, else the nearest with
 * weak. */
static bool guess(struct kpprof_walk *w, struct frame *f, __u64 function)
{
	enum evidence best = EVIDENCE_NONE;
	__u64 best_slot = 0, best_val = 0, val;
	unsigned int i;

	if (w->guesses >= GUESSES_MAX)
		return false;
	for (i = 0; i < KPPROF_GUESS_WORDS && best != EVIDENCE_STRONG; i++) {
		__u64 slot = f->sp + 8ull * i;
		enum evidence evidence;

		if (slot < f->sp || !peek(w, slot, &val))
			break;
		evidence = weigh(w, val, function);
		if (evidence > best) {
			best = evidence;
			best_slot = slot;
			best_val = val;
		}
	}
	if (best == EVIDENCE_NONE)
		return false;
	step_to(f, best_slot, best_val);
	f->fp_unsure = true;
	f->bx = BX_LOST;
	w->guesses++;
	return true;
}

/* Bytes of `push %rbp; mov %rsp,%rbp` at the start of a function, after an endbr64 if there is one.
 */
static bool has_fp_prologue(struct kpprof_walk *w, __u64 function, __u64 *push)
{
	__u64 code;

	*push = function;
	if (!function || !peek(w, function, &code))
		return false;
	if ((__u32)code == 0xfa1e0ff3) {
		*push = function + 4;
		code >>= 32;
	}
	return (__u32)code == 0xe5894855 || (__u32)code == 0xec8b4855;
}

/* One step along the frame pointer, if what it points to looks like a frame. */
static bool step_fp(struct kpprof_walk *w, struct frame *f)
{
	__u64 fp, ra, to;

	if (f->fp < f->sp || f->fp - f->sp > FRAME_MAX || (f->fp & 7))
		return false;
	if (!peek(w, f->fp, &fp) || !peek(w, f->fp + 8, &ra))
		return false;
	if (ra && call_before(w, ra, &to) == CALL_NONE)
		return false;
	step_to(f, f->fp + 8, ra);
	f->fp = fp;
	f->bx = BX_LOST;
	return true;
}

/*
 * Code without rows. Where the function's first instructions are known they tell whether it keeps a
 * frame pointer, and whether the leaf has set it up yet.
 */
static bool step_without_rows(struct kpprof_walk *w, struct frame *f, const struct kpprof_map *map,
			      __u64 function)
{
	__u64 push, code, ra, to;
	bool keeps_fp = has_fp_prologue(w, function, &push);

	if (f->exact) {
		/* On a ret, or before the prologue, the return address is on top of the stack. */
		bool top = (keeps_fp && f->pc <= push) ||
			   (peek(w, f->pc, &code) && kpprof_insn_byte(code, 0) == 0xc3);
		__u64 slot = f->sp + (keeps_fp && f->pc > push && f->pc <= push + 1 ? 8 : 0);

		if ((top || slot != f->sp) && peek(w, slot, &ra) &&
		    call_before(w, ra, &to) != CALL_NONE) {
			step_to(f, slot, ra);
			f->bx = BX_LOST;
			return true;
		}
	}
	if ((keeps_fp || !map->rows) && !f->fp_unsure && step_fp(w, f))
		return true;
	if (guess(w, f, function))
		return true;
	w->end = KPPROF_END_NO_ROWS;
	return false;
}

/* ucontext_t of x86-64: the general registers stand 40 bytes into it (sys/ucontext.h). */
static bool step_signal(struct kpprof_walk *w, struct frame *f)
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

static bool rule_base(struct kpprof_walk *w, const struct frame *f, const struct kpprof_rule *rule,
		      __u64 *base)
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

static bool find_cfa(struct kpprof_walk *w, const struct frame *f, const struct kpprof_rule *rule,
		     __u64 *cfa)
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

static void restore_fp(struct kpprof_walk *w, struct frame *f, const struct kpprof_rule *rule,
		       __u64 cfa)
{
	__u64 at = rule->fp == KPPROF_FP_CFA ? cfa : f->fp;

	if (rule->fp == KPPROF_FP_SAME)
		return;
	if (rule->fp == KPPROF_FP_LOST || read_raw(w, at + (__u64)(__s64)rule->fp_off, &f->fp))
		f->fp_unsure = true;
	else if (rule->fp == KPPROF_FP_CFA)
		f->fp_unsure = false;
}

static void restore_bx(struct frame *f, const struct kpprof_rule *rule, __u64 cfa)
{
	if (rule->bx == KPPROF_BX_LOST) {
		f->bx = BX_LOST;
	} else if (rule->bx) {
		f->bx = BX_SAVED;
		f->bx_at = cfa - 8ull * rule->bx;
	}
}

/* Whether the frame pointer, which may be anything, leads to a return address. */
static bool fp_leads_to_call(struct kpprof_walk *w, const struct frame *f,
			     const struct kpprof_rule *rule)
{
	__u64 cfa, ra, to;

	return find_cfa(w, f, rule, &cfa) && peek(w, cfa - 8, &ra) &&
	       call_before(w, ra, &to) != CALL_NONE;
}

static const struct kpprof_rule *rule_at(const struct kpprof_rows *rows, __u32 i)
{
	return rows->index[i] < rows->nrules ? &rows->rules[rows->index[i]] : NULL;
}

static bool cfa_is(const struct kpprof_rows *rows, __u32 i, __u8 reg, __s32 off)
{
	const struct kpprof_rule *r = rule_at(rows, i);

	return r && r->kind == KPPROF_RULE_CFA && r->reg == reg && r->off == off;
}

/**
 * struct prologue - how a function that keeps a frame pointer begins
 * @first: address before which it does not begin
 * @push: of `push %rbp`
 * @body: behind `mov %rsp,%rbp`
 * @size: bytes of its frame below the frame pointer
 * @fixed: they never change
 */
struct prologue {
	__u64 first;
	__u64 push;
	__u64 body;
	__u64 size;
	bool fixed;
};

/*
 * The rows of `push %rbp` and `mov %rsp,%rbp` are those of no other code: the CFA at sp+8, at sp+16
 * and at fp+16. Finds the last ones before @addr in the same function.
 */
static bool find_prologue(struct kpprof_walk *w, const struct kpprof_map *map, __u64 addr,
			  struct prologue *p)
{
	const struct kpprof_rows *rows = map->rows;
	__u32 i = kpprof_rows_row(rows, offset_in(map, addr)), n;
	__u64 code;

	for (n = 0; n < ENTRY_ROWS_MAX && i-- > 2; n++) {
		const struct kpprof_rule *r = rule_at(rows, i);

		/* Between functions, or where one begins that keeps no frame pointer; a ret has
		 * the CFA at sp+8 too, and the frame pointer's again behind it. */
		if (!r || r->kind == KPPROF_RULE_NONE ||
		    (cfa_is(rows, i, KPPROF_REG_SP, 8) && i + 1 < rows->nrows &&
		     !cfa_is(rows, i + 1, KPPROF_REG_FP, 16)))
			return false;
		if (!cfa_is(rows, i, KPPROF_REG_FP, 16) ||
		    !cfa_is(rows, i - 1, KPPROF_REG_SP, 16) ||
		    !cfa_is(rows, i - 2, KPPROF_REG_SP, 8) || rows->pcs[i - 2] < map->offset)
			continue;
		p->first = map->start + (rows->pcs[i - 2] - map->offset);
		p->push = map->start + (rows->pcs[i - 1] - map->offset) - 1;
		p->body = map->start + (rows->pcs[i] - map->offset);
		return peek(w, p->body - 3, &code) &&
		       ((code & 0xffffff) == 0xe58948 || (code & 0xffffff) == 0xec8b48);
	}
	return false;
}

/* The frame's size: what is pushed, and then `sub $size,%rsp` in one of its two forms. */
static void read_size(struct kpprof_walk *w, struct prologue *p)
{
	__u64 at = p->body, code;
	unsigned int i, n;

	p->size = 0;
	for (i = 0; i < PROLOGUE_MAX && peek(w, at, &code); i++, at += n) {
		if ((code & 0xffffff) == 0xec8348) {
			p->size += (__u64)(__s64)(signed char)kpprof_insn_byte(code, 3);
			return;
		}
		if ((code & 0xffffff) == 0xec8148) {
			p->size += (__u64)(__s64)(__s32)(code >> 24);
			return;
		}
		n = kpprof_insn_byte(code, 0) == 0x53		 ? 1
		    : (code & 0xfcff) == 0x5441 /* r12 to r15 */ ? 2
								 : 0;
		p->size += n ? 8 : 0;
		if (!n)
			n = kpprof_insn_plain_length(code);
		if (!n)
			return;
	}
}

/* Whether the stack pointer stays where the prologue has put it until @pc: no `sub %reg,%rsp` and
 * no `and $mask,%rsp` as far as is looked. By bytes: what looks like one is taken for one. */
static bool stays_fixed(struct kpprof_walk *w, __u64 body, __u64 pc)
{
	unsigned int i;
	__u64 code;

	if (pc - body > FIXED_BYTES)
		return false;
	for (; body < pc; body += 4) {
		if (!peek(w, body, &code))
			return false;
		for (i = 0; i < 4; i++) {
			int op = kpprof_insn_byte(code, i + 1),
			    modrm = kpprof_insn_byte(code, i + 2);

			if ((kpprof_insn_byte(code, i) & 0xf8) == 0x48 &&
			    ((op == 0x29 && (modrm & 0xc7) == 0xc4) ||
			     ((op == 0x83 || op == 0x81) && modrm == 0xe4)))
				return false;
		}
	}
	return true;
}

/* Whether a call ends at @ra that leads into the function; what for certain, and what maybe. */
static enum evidence calls_into(struct kpprof_walk *w, __u64 ra, const struct prologue *p)
{
	__u64 to;

	if (call_before(w, ra, &to) == CALL_DIRECT && to >= p->first && to <= p->push)
		return EVIDENCE_STRONG;
	return weigh(w, ra, p->push);
}

/*
 * The frame pointer of a frame that needs it, when it was not handed down to it. The prologue says
 * how far below it the stack pointer is, unless that moves later (alloca, arguments on the stack):
 * then the call that led into the function is looked for, which is a guess.
 */
static bool recover_fp(struct kpprof_walk *w, struct frame *f, const struct kpprof_map *map,
		       __u64 addr, const struct kpprof_rule *rule)
{
	enum evidence evidence;
	struct prologue p;
	unsigned int i;
	__u64 slot, ra;

	if (rule->kind != KPPROF_RULE_CFA || rule->off != 16 || !map->rows ||
	    !find_prologue(w, map, addr, &p))
		return false;
	read_size(w, &p);
	p.fixed = stays_fixed(w, p.body, addr);
	slot = f->sp + p.size + 8;
	if (p.size <= FRAME_MAX && !(slot & 7) && peek(w, slot, &ra)) {
		evidence = calls_into(w, ra, &p);
		if (evidence == EVIDENCE_STRONG || (evidence == EVIDENCE_WEAK && p.fixed))
			goto found;
	}
	for (i = 1; i < KPPROF_GUESS_WORDS && w->guesses < GUESSES_MAX; i++) {
		slot = f->sp + 8ull * i;
		if (slot < f->sp || !peek(w, slot, &ra))
			return false;
		if (calls_into(w, ra, &p) != EVIDENCE_STRONG)
			continue;
		w->guesses++;
		goto found;
	}
	return false;
found:
	f->fp = slot - 8;
	f->fp_unsure = false;
	return true;
}

static bool step_cfa(struct kpprof_walk *w, struct frame *f, const struct kpprof_map *map,
		     __u64 addr, const struct kpprof_rule *rule)
{
	__u64 cfa, ra;

	/* A frame pointer that passed through unknown code must lead to a return address to be
	 * believed. */
	if (f->fp_unsure && rule->reg == KPPROF_REG_FP && !fp_leads_to_call(w, f, rule) &&
	    !recover_fp(w, f, map, addr, rule)) {
		w->end = KPPROF_END_NO_FP;
		return guess(w, f, 0);
	}
	if (!find_cfa(w, f, rule, &cfa) || !read_word(w, cfa - 8, &ra))
		return false;
	restore_fp(w, f, rule, cfa);
	restore_bx(f, rule, cfa);
	step_to(f, cfa - 8, ra);
	return true;
}

/* A system call returns 0 to the child; while the parent is in it, its rax is -ENOSYS. */
static bool is_clone_child(const struct kpprof_walk *w, const struct frame *f)
{
	return f->regs_known && !w->regs[KPPROF_REG_AX];
}

/* From a frame to its caller; false with w->end set when there is none or it cannot be found. */
static bool step(struct kpprof_walk *w, struct frame *f, const struct kpprof_map *map, __u64 addr)
{
	__u64 function;
	const struct kpprof_rule *rule = find_rule(map, addr, &function);

	w->end = KPPROF_END_UNSUPPORTED;
	switch (rule->kind) {
	case KPPROF_RULE_NONE:
		return step_without_rows(w, f, map, function);
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
static bool step_from_nowhere(struct kpprof_walk *w, struct frame *f)
{
	__u64 ra, to;

	w->end = KPPROF_END_NO_MAPPING;
	if (!f->exact || !peek(w, f->sp, &ra) || call_before(w, ra, &to) == CALL_NONE)
		return false;
	step_to(f, f->sp, ra);
	return true;
}

/* The frame pointer from where it was saved; when that cannot be read it is not known. */
static void load_fp(const struct kpprof_walk *w, struct frame *f)
{
	if (f->fp_saved && read_raw(w, f->fp_at, &f->fp))
		f->fp_unsure = true;
	f->fp_saved = false;
}

/*
 * The step that nearly all are: the CFA is an offset from a register that is known. As step_cfa(),
 * which does the others; false, for it to see to the frame.
 */
static inline bool step_plain(const struct kpprof_walk *w, struct frame *f,
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

static void note_depth(struct kpprof_walk *w, const struct frame *f)
{
	__u64 from = w->first_sp;

	if (f->sp > from && f->sp - from > w->depth)
		w->depth = f->sp - from;
}

/* A frame that is not plain. */
static bool step_slowly(struct kpprof_walk *w, struct frame *f, const struct kpprof_map *map,
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

/* Whether the caller can be one: it is code, and not the end of all frames. */
static bool is_caller(struct kpprof_walk *w, const struct frame *f, const struct kpprof_map *map)
{
	if (map && f->pc)
		return true;
	w->end = f->pc ? KPPROF_END_NO_MAPPING : KPPROF_END_COMPLETE;
	return false;
}

unsigned int kpprof_walk(struct kpprof_walk *w, __u64 *pcs, unsigned int max)
{
	const struct kpprof_map *map = NULL;
	const struct kpprof_rows *rows = NULL;
	const struct kpprof_rule *rule;
	/* Of the mapping; no address is in an empty one. */
	__u64 start = 0, size = 0, offset = 0;
	struct frame f = {
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
		if (!step_slowly(w, &f, map, addr))
			return n;
		w->end = KPPROF_END_TOO_DEEP;
	}
	note_depth(w, &f);
	return n;
}
