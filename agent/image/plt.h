/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where jumps through a library's own table of addresses lead: to functions that it defines itself.
 */
#ifndef KPPROF_PLT_H
#define KPPROF_PLT_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/buf.h"

struct elf_image;

/* A word of the table, and the function whose address the dynamic linker puts there; as linked. */
struct plt_slot {
	uint64_t slot;
	uint64_t function;
};

/**
 * plt_read() - the slots of functions that the image defines
 * @img: an image with section headers; without, none are found
 * @out: gets struct plt_slot, sorted
 *
 * That another image may come first in the search for a name is not looked at.
 *
 * Return: 0 or -ENOMEM.
 */
int plt_read(struct elf_image *img, struct buf *out);

/** plt_find() - the function that a slot holds; false when that is not known */
bool plt_find(const struct buf *slots, uint64_t slot, uint64_t *function);

#endif /* KPPROF_PLT_H */
