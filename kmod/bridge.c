// SPDX-License-Identifier: GPL-2.0-only
#include "bridge.h"

#include "insn.h"
#include "walk_frame.h"

/* How far into a function a tail call is looked for, in bytes. */
#define TAIL_CALL_BYTES 256

enum kpprof_call kpprof_call_before(struct kpprof_walk *w, __u64 ra, __u64 *to)
{
	const struct kpprof_map *map = find_map(w, ra - 1);
	unsigned int i;
	__u64 code;

	if (!map || ra - map->start < 8 || !peek(w, ra - 8, &code))
		return KPPROF_CALL_NONE;
	if (kpprof_insn_byte(code, 3) == 0xe8) {
		*to = ra + (__u64)(__s64)(__s32)(code >> 32);
		if (find_map(w, *to))
			return KPPROF_CALL_DIRECT;
	}
	for (i = 1; i <= 6; i++)
		if (kpprof_insn_call_length(code, i) == 8 - i)
			return KPPROF_CALL_INDIRECT;
	return KPPROF_CALL_NONE;
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

enum kpprof_evidence kpprof_weigh(struct kpprof_walk *w, __u64 val, __u64 function)
{
	__u64 to;

	switch (kpprof_call_before(w, val, &to)) {
	case KPPROF_CALL_DIRECT:
		if (to == function)
			return KPPROF_EVIDENCE_STRONG;
		switch (tail_call(w, to, function)) {
		case TAIL_HERE:
			return KPPROF_EVIDENCE_STRONG;
		case TAIL_SOMEWHERE:
			return KPPROF_EVIDENCE_WEAK;
		case TAIL_NONE:
			break;
		}
		return KPPROF_EVIDENCE_NONE;
	case KPPROF_CALL_INDIRECT:
		return KPPROF_EVIDENCE_WEAK;
	case KPPROF_CALL_NONE:
		break;
	}
	return KPPROF_EVIDENCE_NONE;
}

bool kpprof_guess(struct kpprof_walk *w, struct kpprof_frame *f, __u64 function)
{
	enum kpprof_evidence best = KPPROF_EVIDENCE_NONE;
	__u64 best_slot = 0, best_val = 0, val;
	unsigned int i;

	if (w->guesses >= GUESSES_MAX)
		return false;
	for (i = 0; i < KPPROF_GUESS_WORDS && best != KPPROF_EVIDENCE_STRONG; i++) {
		__u64 slot = f->sp + 8ull * i;
		enum kpprof_evidence evidence;

		if (slot < f->sp || !peek(w, slot, &val))
			break;
		evidence = kpprof_weigh(w, val, function);
		if (evidence > best) {
			best = evidence;
			best_slot = slot;
			best_val = val;
		}
	}
	if (best == KPPROF_EVIDENCE_NONE)
		return false;
	step_to(f, best_slot, best_val);
	f->fp_unsure = true;
	f->bx = BX_LOST;
	w->guesses++;
	return true;
}
