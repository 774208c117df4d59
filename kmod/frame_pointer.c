// SPDX-License-Identifier: GPL-2.0-only
#include "frame_pointer.h"

#include "bridge.h"
#include "insn.h"
#include "walk_frame.h"

/* Rows in which the beginning of a function is looked for, backwards. */
#define ENTRY_ROWS_MAX 128
/* Instructions of a prologue that are looked at. */
#define PROLOGUE_MAX 24
/* How far into a function it is checked that its frame keeps its size, in bytes. */
#define FIXED_BYTES 2048

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
		return peek(w, p->body - 3, &code) && kpprof_insn_sets_fp(code, 0);
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
static enum kpprof_evidence calls_into(struct kpprof_walk *w, __u64 ra, const struct prologue *p)
{
	__u64 to;

	if (kpprof_call_before(w, ra, &to) == KPPROF_CALL_DIRECT && to >= p->first && to <= p->push)
		return KPPROF_EVIDENCE_STRONG;
	return kpprof_weigh(w, ra, p->push);
}

bool kpprof_recover_fp(struct kpprof_walk *w, struct kpprof_frame *f, const struct kpprof_map *map,
		       __u64 addr, const struct kpprof_rule *rule)
{
	enum kpprof_evidence evidence;
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
		if (evidence == KPPROF_EVIDENCE_STRONG ||
		    (evidence == KPPROF_EVIDENCE_WEAK && p.fixed))
			goto found;
	}
	for (i = 1; i < KPPROF_GUESS_WORDS && w->guesses < GUESSES_MAX; i++) {
		slot = f->sp + 8ull * i;
		if (slot < f->sp || !peek(w, slot, &ra))
			return false;
		if (calls_into(w, ra, &p) != KPPROF_EVIDENCE_STRONG)
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
