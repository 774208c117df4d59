/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be read from the code itself, where nothing describes it: how signal handlers return,
 * where a thread and the program begin, where functions start, and which code keeps frame
 * pointers.
 */
#ifndef KPPROF_TEXTSCAN_H
#define KPPROF_TEXTSCAN_H

#include <stdbool.h>

#include "rows.h"

struct elf_image;

/* Of a file's code, no more than this is read. */
#define TEXTSCAN_MAX_BYTES (64u << 20)

/**
 * textscan_rows() - add what the code says where no range of @out covers it
 * @img: the image
 * @out: holds all ranges that are known from elsewhere
 *
 * Return: 0 or -ENOMEM.
 */
int textscan_rows(struct elf_image *img, struct rows_builder *out);

/**
 * textscan_entry() - where the program starts
 * @img: the image
 * @vaddr: out: the entry point, as linked; nothing called it
 *
 * Return: false when there is none. The entry point of a library may be any address, and is not
 * one.
 */
bool textscan_entry(const struct elf_image *img, uint64_t *vaddr);

/**
 * textscan_trampolines() - add signal trampolines in all of the code
 *
 * For programs whose tables describe a trampoline as an ordinary function; to be called first.
 *
 * Return: 0 or -ENOMEM.
 */
int textscan_trampolines(struct elf_image *img, struct rows_builder *out);

#endif /* KPPROF_TEXTSCAN_H */
