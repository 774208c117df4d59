/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ?format=: a profile for eyes without tools: a table, folded stacks, a flame graph. */
#ifndef KPPROF_FORMAT_H
#define KPPROF_FORMAT_H

#include <stdbool.h>

struct http_request;
struct profile;

enum format { FORMAT_PPROF, FORMAT_TOP, FORMAT_FOLDED, FORMAT_SVG };

/**
 * format_check() - whether ?format= is one that there is, before any work is done for it
 *
 * Return: true, or false when the request was answered with 400.
 */
bool format_check(struct http_request *req);

/** format_asked() - what ?format= says; FORMAT_PPROF when it is not there */
enum format format_asked(struct http_request *req);

/**
 * format_answer() - answer with a profile in one of the forms for people
 * @req: request; ?sample_index= chooses the value by its name, as go tool pprof does
 * @p: the profile, its locations named
 * @name: what it is called
 *
 * A value that the profile does not have is answered with 400 and the names of those it has.
 */
void format_answer(struct http_request *req, const struct profile *p, const char *name);

#endif /* KPPROF_FORMAT_H */
