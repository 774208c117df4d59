// SPDX-License-Identifier: GPL-2.0-or-later
#include "cfi_rule.h"

#include <dwarf.h>
#include <stdbool.h>
#include <stdint.h>

#include "../../kmod/walk.h"

enum { REG_RA = 16 };

static const struct kpprof_rule unsupported = {.kind = KPPROF_RULE_UNSUPPORTED};

static bool fits(int64_t v)
{
	return v >= INT32_MIN && v <= INT32_MAX;
}

/* A register and an offset, with at most one memory access in between. */
struct place {
	unsigned int reg;
	bool deref;
	int64_t off;
	int64_t off2;
};

static bool start_place(struct place *p, const Dwarf_Op *op)
{
	uint64_t reg = op->atom == DW_OP_bregx ? op->number : (uint64_t)op->atom - DW_OP_breg0;

	if (op->atom != DW_OP_bregx && (op->atom < DW_OP_breg0 || op->atom > DW_OP_breg31))
		return false;
	if (reg >= KPPROF_NREGS)
		return false;
	*p = (struct place){
		.reg = (unsigned int)reg,
		.off = (int64_t)(op->atom == DW_OP_bregx ? op->number2 : op->number),
	};
	return true;
}

static bool add_to_place(struct place *p, int64_t v)
{
	int64_t *to = p->deref ? &p->off2 : &p->off;

	return fits(v) && !__builtin_add_overflow(*to, v, to);
}

static bool constant_of(const Dwarf_Op *op, int64_t *v)
{
	if (op->atom >= DW_OP_lit0 && op->atom <= DW_OP_lit31) {
		*v = op->atom - DW_OP_lit0;
		return true;
	}
	*v = (int64_t)op->number;
	return (op->atom >= DW_OP_const1u && op->atom <= DW_OP_consts);
}

/* breg N off, then any of: deref (once), plus_uconst k, constant plus, constant minus. */
static bool read_place(struct place *p, const Dwarf_Op *ops, size_t n)
{
	int64_t v;

	if (!n || !start_place(p, &ops[0]))
		return false;
	for (size_t i = 1; i < n; i++) {
		if (ops[i].atom == DW_OP_deref && !p->deref) {
			p->deref = true;
		} else if (ops[i].atom == DW_OP_plus_uconst) {
			if (!add_to_place(p, (int64_t)ops[i].number))
				return false;
		} else if (i + 1 < n && constant_of(&ops[i], &v) && fits(v)) {
			i++;
			if (ops[i].atom != DW_OP_plus && ops[i].atom != DW_OP_minus)
				return false;
			if (!add_to_place(p, ops[i].atom == DW_OP_plus ? v : -v))
				return false;
		} else {
			return false;
		}
	}
	return fits(p->off) && fits(p->off2);
}

/*
 * What the linkers write for a lazily bound PLT: sp + off + ((rip & 15) >= off2) << 3, that is
 * breg7 off; breg16 0; lit15; and; lit off2; ge; lit3; shl; plus.
 */
static bool is_plt(const Dwarf_Op *ops, size_t n, struct kpprof_rule *r)
{
	static const uint8_t shape[] = {DW_OP_breg7, DW_OP_breg16, DW_OP_lit15, DW_OP_and, 0,
					DW_OP_ge,    DW_OP_lit3,   DW_OP_shl,	DW_OP_plus};

	if (n != sizeof(shape))
		return false;
	for (size_t i = 0; i < n; i++)
		if (shape[i] && ops[i].atom != shape[i])
			return false;
	if (ops[1].number || ops[4].atom < DW_OP_lit0 || ops[4].atom > DW_OP_lit15 ||
	    !fits((int64_t)ops[0].number))
		return false;
	*r = (struct kpprof_rule){.kind = KPPROF_RULE_PLT,
				  .reg = KPPROF_REG_SP,
				  .off = (int32_t)ops[0].number,
				  .off2 = ops[4].atom - DW_OP_lit0};
	return true;
}

static bool read_cfa(Dwarf_Frame *frame, struct kpprof_rule *r)
{
	struct place p;
	Dwarf_Op *ops;
	size_t n = 0;

	if (dwarf_frame_cfa(frame, &ops, &n) != 0 || !n)
		return false;
	if (is_plt(ops, n, r))
		return true;
	if (!read_place(&p, ops, n))
		return false;
	*r = (struct kpprof_rule){.kind = p.deref ? KPPROF_RULE_DEREF : KPPROF_RULE_CFA,
				  .reg = (uint8_t)p.reg,
				  .off = (int32_t)p.off,
				  .off2 = (int32_t)p.off2};
	return true;
}

/* Is this "saved at CFA + off"? */
static bool at_cfa(const Dwarf_Op *ops, size_t n, int64_t *off)
{
	if (!n || ops[0].atom != DW_OP_call_frame_cfa)
		return false;
	*off = n == 2 ? (int64_t)ops[1].number : 0;
	return n == 1 || (n == 2 && ops[1].atom == DW_OP_plus_uconst);
}

/* libdw puts call_frame_cfa in front of an expression, for what the expression finds on its stack.
 */
static bool at_fp(const Dwarf_Op *ops, size_t n, int64_t *off)
{
	struct place p;

	if (n < 2 || ops[0].atom != DW_OP_call_frame_cfa || !read_place(&p, ops + 1, n - 1))
		return false;
	*off = p.off;
	return p.reg == KPPROF_REG_FP && !p.deref;
}

static void read_fp(Dwarf_Frame *frame, struct kpprof_rule *r)
{
	Dwarf_Op mem[3], *ops;
	int64_t off = 0;
	size_t n;

	r->fp = KPPROF_FP_LOST;
	if (dwarf_frame_register(frame, KPPROF_REG_FP, mem, &ops, &n) != 0)
		return;
	if (!n) {
		r->fp = ops ? KPPROF_FP_LOST : KPPROF_FP_SAME;
		return;
	}
	if (at_cfa(ops, n, &off) && fits(off))
		r->fp = KPPROF_FP_CFA;
	else if (at_fp(ops, n, &off) && fits(off))
		r->fp = KPPROF_FP_FP;
	else
		return;
	r->fp_off = (int32_t)off;
}

/* rbx is saved at a multiple of 8 bytes below the CFA, or not in a way that a rule can say. */
static void read_bx(Dwarf_Frame *frame, struct kpprof_rule *r)
{
	Dwarf_Op mem[3], *ops;
	int64_t off = 0;
	size_t n;

	r->bx = KPPROF_BX_LOST;
	if (dwarf_frame_register(frame, KPPROF_REG_BX, mem, &ops, &n) != 0)
		return;
	/* elfutils 0.188 does not know that rbx is the callee's to save, and says "undefined" of
	 * one that is not mentioned; what compilers never write is taken for that, too. */
	if (!n)
		r->bx = 0;
	else if (at_cfa(ops, n, &off) && off < 0 && off > -8 * KPPROF_BX_LOST && off % 8 == 0)
		r->bx = (uint8_t)(-off / 8);
}

/* The caller's stack pointer is the CFA, unless it is said to be something else. */
static bool sp_is_cfa(Dwarf_Frame *frame)
{
	Dwarf_Op mem[3], *ops;
	size_t n;

	if (dwarf_frame_register(frame, KPPROF_REG_SP, mem, &ops, &n) != 0)
		return false;
	return n == 2 && ops[0].atom == DW_OP_call_frame_cfa && ops[1].atom == DW_OP_stack_value;
}

enum where { AT_CFA_MINUS_8, UNDEFINED, ELSEWHERE };

static enum where return_address(Dwarf_Frame *frame, int ra)
{
	Dwarf_Op mem[3], *ops;
	int64_t off;
	size_t n;

	if (ra != REG_RA || dwarf_frame_register(frame, ra, mem, &ops, &n) != 0)
		return ELSEWHERE;
	if (!n)
		return ops ? UNDEFINED : ELSEWHERE;
	return at_cfa(ops, n, &off) && off == -8 ? AT_CFA_MINUS_8 : ELSEWHERE;
}

struct kpprof_rule cfi_rule(Dwarf_Frame *frame, int ra)
{
	struct kpprof_rule r;

	switch (return_address(frame, ra)) {
	case UNDEFINED:
		return (struct kpprof_rule){.kind = KPPROF_RULE_STOP};
	case ELSEWHERE:
		return unsupported;
	case AT_CFA_MINUS_8:
		break;
	}
	if (!sp_is_cfa(frame) || !read_cfa(frame, &r))
		return unsupported;
	read_fp(frame, &r);
	read_bx(frame, &r);
	return r;
}
