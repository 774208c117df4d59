/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that strangers chose, as they may stand in a line of text. */
#ifndef KPPROF_LOCKS_TEXT_H
#define KPPROF_LOCKS_TEXT_H

#include <stddef.h>

struct buf;

/**
 * text_escape() - one line of printable ASCII
 * @s: hostile text
 * @out: at least 5 bytes: what is not printable, quotes and backslashes become \xNN; cut to fit
 *
 * Return: @out.
 */
const char *text_escape(const char *s, char *out, size_t size);

/** text_json() - append @len bytes as the inside of a JSON string; bytes over 127 become '?' */
void text_json(const char *s, size_t len, struct buf *out);

#endif /* KPPROF_LOCKS_TEXT_H */
