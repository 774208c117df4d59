/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which function of a compilation unit an address is in, and what is inlined there. */
#ifndef KPPROF_DWARF_UNIT_H
#define KPPROF_DWARF_UNIT_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"

enum { DWARF_INLINE_MAX = 64 };

/**
 * struct unit_func - a piece of a function; hot and cold parts are pieces of their own
 * @start: as linked
 * @end: first byte behind it
 * @die: offset of its DIE
 */
struct unit_func {
	Dwarf_Addr start;
	Dwarf_Addr end;
	Dwarf_Off die;
};

/**
 * unit_functions() - list the functions of a compilation unit
 * @cu: its DIE
 * @budget: DIEs and ranges that may be looked at; counts down, and at 0 what is known so far is all
 * @out: gets struct unit_func, sorted by start
 */
void unit_functions(Dwarf_Die *cu, uint64_t *budget, struct buf *out);

/** unit_function_at() - the function that covers @vaddr, or NULL */
const struct unit_func *unit_function_at(const struct buf *functions, uint64_t vaddr);

/**
 * unit_inlined_at() - what is inlined at an address
 * @func: DIE of the function
 * @vaddr: the address
 * @budget: as in unit_functions()
 * @chain: out: DW_TAG_inlined_subroutine, the outermost first
 *
 * Return: how many.
 */
size_t unit_inlined_at(Dwarf_Die *func, uint64_t vaddr, uint64_t *budget,
		       Dwarf_Die chain[DWARF_INLINE_MAX]);

/** unit_ranges() - append the code ranges of a DIE as struct unit_func; false when it has none */
bool unit_ranges(Dwarf_Die *die, uint64_t *budget, struct buf *out);

/** unit_sort() - sort struct unit_func by start */
void unit_sort(struct buf *ranges);

#endif /* KPPROF_DWARF_UNIT_H */
