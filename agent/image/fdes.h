/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where functions begin and end according to .eh_frame, for those that have no name. */
#ifndef KPPROF_FDES_H
#define KPPROF_FDES_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "cfi_check.h"

struct elf_image;

/**
 * fdes_read() - list the FDEs of an image
 * @img: with or without section headers
 * @fdes: gets struct cfi_fde, sorted and not overlapping; nothing when there is no .eh_frame
 *
 * Return: 0 or -ENOMEM.
 */
int fdes_read(struct elf_image *img, struct buf *fdes);

/** fdes_find() - the one that covers @vaddr, or NULL */
const struct cfi_fde *fdes_find(const struct buf *fdes, uint64_t vaddr);

#endif /* KPPROF_FDES_H */
