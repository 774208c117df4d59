/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The DWARF of a file as an ELF image in memory that has nothing else: unpacked, only the sections
 * that names and lines need, and zeros behind each, since libdw looks for the end of a string
 * without knowing where the section ends. It also has no .gnu_debugaltlink, which libdw would
 * follow by path.
 */
#ifndef KPPROF_DWARF_COPY_H
#define KPPROF_DWARF_COPY_H

#include <stddef.h>
#include <stdint.h>

struct elf_image;

/**
 * struct dwarf_copy - a copy
 * @data: an ELF image, free() it
 * @size: bytes
 * @line: .debug_line in it
 * @line_size: bytes
 */
struct dwarf_copy {
	uint8_t *data;
	size_t size;
	const uint8_t *line;
	size_t line_size;
};

/**
 * dwarf_copy() - copy the debug sections
 * @file: where they are
 * @max: of all together
 * @out: the copy
 *
 * Return: 0, -ENOENT when there is no .debug_info or no .debug_abbrev, -EFBIG, -ENOMEM.
 */
int dwarf_copy(const struct elf_image *file, uint64_t max, struct dwarf_copy *out);

#endif /* KPPROF_DWARF_COPY_H */
