/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text from the outside: query strings, numbers, names. */
#ifndef KPPROF_PARAMS_H
#define KPPROF_PARAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/**
 * param_int() - a whole decimal number as Go's ParseInt(s, 10, 64) takes it: optional sign, digits,
 * nothing else
 * @s: text or NULL
 * @out: the number; untouched on error
 *
 * Return: 0, or -EINVAL (also for NULL and ""), or -ERANGE when it does not fit.
 */
int param_int(const char *s, int64_t *out);

/**
 * percent_decode() - decode %XX and, for @plus, '+' as a space, in place
 *
 * Return: 0; -EINVAL for a broken escape or a NUL in the result.
 */
int percent_decode(char *s, bool plus);

/** percent_encode() - append @s as one segment of a path: what RFC 3986 does not call unreserved
 * becomes %XX */
void percent_encode(struct buf *out, const char *s);

/**
 * html_escape() - text as HTML, with control characters as '?'; freed by the caller; NULL without
 * memory
 */
char *html_escape(const char *s);

#endif /* KPPROF_PARAMS_H */
