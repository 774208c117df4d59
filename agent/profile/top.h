/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile as a table of functions, for a terminal: flat and cumulative, as go tool pprof -top has
 * them. */
#ifndef KPPROF_TOP_H
#define KPPROF_TOP_H

#include "../base/buf.h"

struct collapsed;

/**
 * top_write() - append the table
 * @c: the collapsed profile
 * @unit: of its values: "nanoseconds" and "bytes" are printed for people, others as they are
 * @rows: functions that are printed; the rest is counted
 * @out: text; its error is the result: 0 or -ENOMEM
 */
int top_write(const struct collapsed *c, const char *unit, unsigned int rows, struct buf *out);

/** value_text() - append a value with its unit: "1.25s", "34.02ms", "512.00kB", "17" */
void value_text(struct buf *out, int64_t value, const char *unit);

#endif /* KPPROF_TOP_H */
