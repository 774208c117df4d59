/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pages of code that the walker has looked at. A walk that has to search for a return address reads
 * some dozens of words around a few places, and the next walk reads the same.
 */
#ifndef KPPROF_CODE_H
#define KPPROF_CODE_H

#include <stdint.h>

struct code_page;

/** struct code_pages - the pages; all zero has none */
struct code_pages {
	struct code_page *pages;
};

/**
 * code_read() - 8 bytes of a file
 * @c: pages
 * @id: number of the file, never that of another one
 * @fd: the file
 * @offset: in it
 * @val: out
 *
 * Return: 0; -EFAULT where the file has none; -ENOMEM.
 */
int code_read(struct code_pages *c, uint32_t id, int fd, uint64_t offset, uint64_t *val);

/** code_deinit() - forget all pages */
void code_deinit(struct code_pages *c);

#endif /* KPPROF_CODE_H */
