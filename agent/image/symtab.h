/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Symbol tables turned into ranges of code: for each address the one function that it belongs to.
 */
#ifndef KPPROF_SYMTAB_H
#define KPPROF_SYMTAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "elf.h"

/**
 * struct sym_range - code with a name
 * @start: as linked
 * @len: bytes
 * @sized: the symbol says how long it is; else the range is what is left up to the next one
 * @name: in the string table of the image that the symbol is from; may end in @VERSION
 */
struct sym_range {
	uint64_t start;
	uint32_t len;
	bool sized;
	const char *name;
};

/**
 * struct symtab - ranges; all zero is an empty one
 * @ranges: sorted, not overlapping
 * @n: how many
 * @syms: symbols that were added and are not yet in @ranges
 * @own: strings that no image holds, or NULL
 * @bytes: heap of the tables and strings that the images hold for this
 */
struct symtab {
	struct sym_range *ranges;
	size_t n;
	struct buf syms;
	char *own;
	size_t bytes;
};

/**
 * symtab_add() - add the functions of a symbol table
 * @t: the table
 * @img: must outlive the table
 * @name: ".symtab" or ".dynsym"
 *
 * Return: the number of functions, 0 when there is no such section; -ENOMEM. Damaged symbols are
 * left out.
 */
int64_t symtab_add(struct symtab *t, struct elf_image *img, const char *name);

/** symtab_add_dynamic() - the same with the dynamic symbols of an image without sections, once */
int64_t symtab_add_dynamic(struct symtab *t, const struct elf_image *img);

/**
 * symtab_each() - call @fn for each name that was added; before symtab_finish()
 * @fn: gets the name without its version, not terminated; where the function starts, as linked; and
 *	where it ends at the latest
 */
void symtab_each(const struct symtab *t,
		 void (*fn)(void *ctx, const char *name, size_t len, uint64_t start, uint64_t end),
		 void *ctx);

/** symtab_finish() - make ranges of all that was added; 0 or -ENOMEM */
int symtab_finish(struct symtab *t);

/** symtab_before() - the last range that begins at @vaddr or before, whether it covers it or not */
const struct sym_range *symtab_before(const struct symtab *t, uint64_t vaddr);

/** symtab_find() - the range that covers @vaddr, or NULL */
const struct sym_range *symtab_find(const struct symtab *t, uint64_t vaddr);

/* Room for a name; longer ones are cut. */
#define SYMTAB_NAME_MAX 16384

/** symtab_name_copy() - the name of a range without its version */
void symtab_name_copy(const struct sym_range *r, char name[SYMTAB_NAME_MAX]);

/** symtab_deinit() - free it and make it empty again */
void symtab_deinit(struct symtab *t);

#endif /* KPPROF_SYMTAB_H */
