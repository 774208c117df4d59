/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The dynamic symbols of a file without section headers (sstrip), found as the dynamic linker does:
 * by PT_DYNAMIC.
 */
#ifndef KPPROF_DYNSYM_H
#define KPPROF_DYNSYM_H

#include <stddef.h>
#include <stdint.h>

struct elf_image;

/**
 * struct dynsym - copies of both tables, free() them
 * @symbols: of Elf64_Sym
 * @symbols_size: bytes
 * @strings: names
 * @strings_size: bytes
 */
struct dynsym {
	uint8_t *symbols;
	size_t symbols_size;
	char *strings;
	size_t strings_size;
};

/** dynsym_read() - 0, -ENOENT when there are none, -EBADMSG when they are damaged, -ENOMEM */
int dynsym_read(const struct elf_image *img, struct dynsym *out);

#endif /* KPPROF_DYNSYM_H */
