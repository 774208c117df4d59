/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Function names of an image: .symtab, else .gnu_debugdata and .dynsym, of the image or of its
 * separate debug file; Go's pclntab; and, where there is no symbol, the function's place in the
 * file.
 */
#ifndef KPPROF_SYMBOLS_H
#define KPPROF_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "names.h"

struct elf_image;
struct symbols;

/**
 * symbols_create() - collect the functions of an image
 * @img: the image; must outlive the symbols
 * @debug: its separate debug file, or NULL; must outlive the symbols
 * @out: the symbols
 *
 * Return: 0 (also when there is not one symbol), -ENOMEM.
 */
int symbols_create(struct elf_image *img, struct elf_image *debug, struct symbols **out);

/** symbols_destroy() - free symbols; NULL is allowed */
void symbols_destroy(struct symbols *s);

/**
 * symbols_resolve() - name code
 * @s: the symbols
 * @basename: of the file, for invented names; may be a stranger's text
 * @offsets: file offsets
 * @n: how many
 * @out: gets @n addresses with all lines known: DWARF lines and inlined calls where there are any
 *
 * Return: 0, -ENOMEM.
 */
int symbols_resolve(struct symbols *s, const char *basename, const uint64_t *offsets, size_t n,
		    struct names_builder *out);

/** symbols_bytes() - an estimate of the memory held, in bytes */
size_t symbols_bytes(const struct symbols *s);

#endif /* KPPROF_SYMBOLS_H */
