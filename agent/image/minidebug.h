/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small symbol table that Fedora leaves in stripped programs: an xz-compressed ELF file in
 * .gnu_debugdata. */
#ifndef KPPROF_MINIDEBUG_H
#define KPPROF_MINIDEBUG_H

struct elf_image;

/**
 * minidebug_open() - unpack and open it
 * @img: the program
 * @fd: out: belongs to @out; close it after the image
 * @out: the image inside
 *
 * Return: 0, -ENOENT when there is none, -EBADMSG when it is damaged, -EFBIG, -ENOMEM, -errno.
 */
int minidebug_open(struct elf_image *img, int *fd, struct elf_image **out);

#endif /* KPPROF_MINIDEBUG_H */
