/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that strangers chose, as they may stand in a line of text. */
#ifndef KPPROF_ESCAPE_H
#define KPPROF_ESCAPE_H

#include <stddef.h>

struct buf;

/**
 * escape_line() - one line of printable ASCII
 * @s: hostile text
 * @out: at least 5 bytes: what is not printable, quotes and backslashes become \xNN; cut to fit
 *
 * Return: @out.
 */
const char *escape_line(const char *s, char *out, size_t size);

/** escape_json() - append @len bytes as the inside of a JSON string; bytes over 127 become '?' */
void escape_json(const char *s, size_t len, struct buf *out);

#endif /* KPPROF_ESCAPE_H */
