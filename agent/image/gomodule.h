/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * runtime.firstmoduledata: where Go keeps what the pclntab only has offsets from. In
 * position-independent programs its words are zero in the file, and their values are in the
 * relocations.
 */
#ifndef KPPROF_GOMODULE_H
#define KPPROF_GOMODULE_H

#include <stdbool.h>
#include <stdint.h>

#include "elf.h"
#include "gotable.h"

/**
 * gomodule_word() - the 8 bytes at an address, as they are after relocation; false when there are
 * none
 */
bool gomodule_word(struct elf_image *img, uint64_t vaddr, uint64_t *value);

/**
 * gomodule_find() - what the module data say
 * @img: the program
 * @vaddr: of the pclntab
 * @t: the pclntab
 * @text: out: start of the text
 * @gofunc: out: address of go:func.*
 *
 * Return: false when there is no module data of a known layout.
 */
bool gomodule_find(struct elf_image *img, uint64_t vaddr, const struct gotable *t, uint64_t *text,
		   uint64_t *gofunc);

#endif /* KPPROF_GOMODULE_H */
