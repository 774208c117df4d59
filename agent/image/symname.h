/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which of several names of the same code people expect to see. */
#ifndef KPPROF_SYMNAME_H
#define KPPROF_SYMNAME_H

#include <stdbool.h>
#include <stddef.h>

/**
 * symname_compare() - compare two names of one address
 *
 * malloc is better than __libc_malloc, printf than _IO_printf: fewer leading underscores (mangled
 * names have none in this sense), then the shorter name, then the first in the alphabet.
 *
 * Return: < 0 when @a is the better one, > 0 when @b is, 0 when they are equal.
 */
int symname_compare(const char *a, size_t alen, const char *b, size_t blen);

/** symname_is_mangled() - a C++ or Rust name in linkage form */
bool symname_is_mangled(const char *name, size_t len);

/** symname_underscores() - leading underscores; 0 for a mangled name */
size_t symname_underscores(const char *name, size_t len);

#endif /* KPPROF_SYMNAME_H */
