/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lines and inlined calls from DWARF 2 to 5, by libdw. libdw is not made for hostile input: what
 * can be bounded in front is bounded here, and the rest is why this runs in a process that may die.
 */
#ifndef KPPROF_DWARF_H
#define KPPROF_DWARF_H

#include <stddef.h>
#include <stdint.h>

#include "elf.h"
#include "names.h"
#include "symtab.h"

struct debug_info;

/**
 * debug_info_open() - index the compilation units of a file
 * @file: the file that may have DWARF
 * @code: the image that the code is in, often the same file
 * @out: the index
 *
 * Return: 0, -ENOENT when there is no DWARF, or none that may be read (too large), -ENOMEM.
 */
int debug_info_open(const struct elf_image *file, const struct elf_image *code,
		    struct debug_info **out);

/** debug_info_close() - free it; NULL is allowed */
void debug_info_close(struct debug_info *d);

/** debug_info_start() - a batch of addresses begins: the time for all of it is bounded */
void debug_info_start(struct debug_info *d);

/**
 * debug_info_resolve() - name one address
 * @d: the index; quick when addresses come in ascending order
 * @vaddr: as linked
 * @sym: what the symbol table says, or NULL: a name for functions that DWARF does not describe
 * @out: lines are added for the current address
 *
 * Return: 0, -ENOENT when nothing was added, -ENOMEM.
 */
int debug_info_resolve(struct debug_info *d, uint64_t vaddr, const struct sym_range *sym,
		       struct names_builder *out);

/** debug_info_bytes() - an estimate of the heap that it occupies */
size_t debug_info_bytes(const struct debug_info *d);

#endif /* KPPROF_DWARF_H */
