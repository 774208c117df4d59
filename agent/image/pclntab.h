/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Go's pclntab, which stays in stripped Go programs: functions, files, lines, inlined calls, and
 * the size of the frame at each pc. Formats of Go 1.2, 1.16, 1.18 and 1.20 (runtime/symtab.go,
 * debug/gosym).
 */
#ifndef KPPROF_PCLNTAB_H
#define KPPROF_PCLNTAB_H

#include <stddef.h>
#include <stdint.h>

#include "names.h"
#include "rows.h"

struct elf_image;
struct pclntab;

/**
 * pclntab_open() - find and check the table
 *
 * Return: 0, -ENOENT when this is no Go program, -EBADMSG when the table is damaged or of an
 * unknown version, -ENOMEM.
 */
int pclntab_open(struct elf_image *img, struct pclntab **out);

/** pclntab_close() - free it; NULL is allowed */
void pclntab_close(struct pclntab *t);

/** pclntab_bytes() - an estimate of the memory held, in bytes */
size_t pclntab_bytes(const struct pclntab *t);

/**
 * pclntab_resolve() - name one address
 * @t: the table
 * @vaddr: as linked
 * @out: lines are added for the current address (names_begin() was called)
 *
 * Return: 0, or -ENOENT when no function covers @vaddr.
 */
int pclntab_resolve(struct pclntab *t, uint64_t vaddr, struct names_builder *out);

/**
 * pclntab_rows() - unwind rows from the frame sizes (pcsp)
 *
 * Functions that are the top of a stack get KPPROF_RULE_STOP, those that write the stack pointer
 * KPPROF_RULE_SWITCH.
 *
 * Return: 0, -ENOMEM.
 */
int pclntab_rows(struct pclntab *t, struct rows_builder *out);

#endif /* KPPROF_PCLNTAB_H */
