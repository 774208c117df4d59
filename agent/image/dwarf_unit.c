// SPDX-License-Identifier: GPL-2.0-or-later
#include "dwarf_unit.h"

#include <dwarf.h>
#include <stdlib.h>

enum {
	/* Scopes inside scopes. */
	DEPTH_MAX = 64,
	/* Pieces that are looked at when ranges overlap. */
	OVERLAP_MAX = 16,
};

/*
 * The next range of a DIE that is not empty; @at and @base are dwarf_ranges()'s and begin as 0. A
 * list may be as long as the section, and every DIE may have it: so each range costs.
 */
static bool next_range(Dwarf_Die *die, ptrdiff_t *at, Dwarf_Addr *base, uint64_t *budget,
		       struct unit_func *out)
{
	do {
		if (!*budget)
			return false;
		(*budget)--;
		*at = dwarf_ranges(die, *at, base, &out->start, &out->end);
	} while (*at > 0 && out->start >= out->end);
	return *at > 0;
}

bool unit_ranges(Dwarf_Die *die, uint64_t *budget, struct buf *out)
{
	struct unit_func f = {.die = dwarf_dieoffset(die)};
	Dwarf_Addr base = 0;
	ptrdiff_t at = 0;
	bool any = false;

	while (next_range(die, &at, &base, budget, &f)) {
		buf_append(out, &f, sizeof(f));
		any = true;
	}
	return any;
}

static bool covers(Dwarf_Die *die, uint64_t vaddr, uint64_t *budget)
{
	Dwarf_Addr base = 0;
	ptrdiff_t at = 0;
	struct unit_func f;

	while (next_range(die, &at, &base, budget, &f))
		if (vaddr >= f.start && vaddr < f.end)
			return true;
	return false;
}

/*
 * The next DIE of a list of siblings, starting with the first child of @parent. Offsets must grow:
 * a damaged DW_AT_sibling may point back.
 */
static bool next_child(Dwarf_Die *parent, Dwarf_Die *child, bool first, uint64_t *budget)
{
	Dwarf_Off before = dwarf_dieoffset(first ? parent : child);
	Dwarf_Die next;

	if (!*budget)
		return false;
	(*budget)--;
	if ((first ? dwarf_child(parent, &next) : dwarf_siblingof(child, &next)) != 0)
		return false;
	*child = next;
	return dwarf_dieoffset(child) > before;
}

static bool holds_functions(int tag)
{
	switch (tag) {
	case DW_TAG_namespace:
	case DW_TAG_module:
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		return true;
	default:
		return false;
	}
}

static void collect(Dwarf_Die *parent, int depth, uint64_t *budget, struct buf *out)
{
	Dwarf_Die die;

	for (bool more = next_child(parent, &die, true, budget); more;
	     more = next_child(parent, &die, false, budget)) {
		int tag = dwarf_tag(&die);

		if (tag == DW_TAG_subprogram)
			unit_ranges(&die, budget, out);
		if (holds_functions(tag) && depth < DEPTH_MAX)
			collect(&die, depth + 1, budget, out);
	}
}

static int compare_funcs(const void *a, const void *b)
{
	const struct unit_func *x = a, *y = b;

	if (x->start != y->start)
		return x->start < y->start ? -1 : 1;
	return x->die < y->die ? -1 : x->die > y->die;
}

void unit_sort(struct buf *ranges)
{
	if (ranges->len)
		qsort(ranges->data, ranges->len / sizeof(struct unit_func),
		      sizeof(struct unit_func), compare_funcs);
}

void unit_functions(Dwarf_Die *cu, uint64_t *budget, struct buf *out)
{
	collect(cu, 0, budget, out);
	unit_sort(out);
}

const struct unit_func *unit_function_at(const struct buf *functions, uint64_t vaddr)
{
	const struct unit_func *f = (const struct unit_func *)(const void *)functions->data;
	size_t lo = 0, hi = functions->len / sizeof(*f);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f[mid].start <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = 0; i < OVERLAP_MAX && lo; i++)
		if (vaddr < f[--lo].end)
			return &f[lo];
	return NULL;
}

static bool is_block(int tag)
{
	return tag == DW_TAG_lexical_block || tag == DW_TAG_try_block || tag == DW_TAG_catch_block;
}

static bool has_pc(Dwarf_Die *die)
{
	return dwarf_hasattr(die, DW_AT_low_pc) || dwarf_hasattr(die, DW_AT_ranges);
}

/*
 * One step down: the child of @die that covers the address. Blocks without an address are looked
 * through.
 */
static bool step_down(Dwarf_Die *die, uint64_t vaddr, int depth, uint64_t *budget, Dwarf_Die *out)
{
	Dwarf_Die child;

	for (bool more = next_child(die, &child, true, budget); more;
	     more = next_child(die, &child, false, budget)) {
		int tag = dwarf_tag(&child);

		if (tag != DW_TAG_inlined_subroutine && !is_block(tag))
			continue;
		if (covers(&child, vaddr, budget)) {
			*out = child;
			return true;
		}
		if (is_block(tag) && depth < DEPTH_MAX && !has_pc(&child) &&
		    step_down(&child, vaddr, depth + 1, budget, out))
			return true;
	}
	return false;
}

size_t unit_inlined_at(Dwarf_Die *func, uint64_t vaddr, uint64_t *budget,
		       Dwarf_Die chain[DWARF_INLINE_MAX])
{
	Dwarf_Die at = *func, next;
	size_t n = 0;

	while (n < DWARF_INLINE_MAX && step_down(&at, vaddr, 0, budget, &next)) {
		at = next;
		if (dwarf_tag(&at) == DW_TAG_inlined_subroutine)
			chain[n++] = at;
	}
	return n;
}
