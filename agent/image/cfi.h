/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From call frame information (.eh_frame, .debug_frame) to unwind rows, by libdw. */
#ifndef KPPROF_CFI_H
#define KPPROF_CFI_H

#include "rows.h"

struct elf_image;

/**
 * cfi_rows() - add the rows of all frame information of an image
 * @img: with or without section headers
 * @out: gets rows; damaged information is left out, or gives KPPROF_RULE_UNSUPPORTED where at least
 *the range that it describes is known
 *
 * Return: 0 or -ENOMEM.
 */
int cfi_rows(struct elf_image *img, struct rows_builder *out);

#endif /* KPPROF_CFI_H */
