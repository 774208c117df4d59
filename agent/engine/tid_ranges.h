/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The threads that a trace event is for, as a filter that the kernel applies: other programs then
 * pay next to nothing. Threads that are made later have higher numbers than all there are, until
 * the numbers begin anew; so "newer than" loses none of their first events.
 */
#ifndef KPPROF_TID_RANGES_H
#define KPPROF_TID_RANGES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct buf;

/* The kernel tries one range after the other with each event. */
enum { TID_RANGES_MAX = 8 };

/**
 * struct tid_ranges - numbers of threads
 * @from: first of each range
 * @to: last
 * @n: ranges, at most TID_RANGES_MAX
 * @newer: all above this one too
 */
struct tid_ranges {
	pid_t from[TID_RANGES_MAX];
	pid_t to[TID_RANGES_MAX];
	size_t n;
	pid_t newer;
};

/**
 * tid_ranges_make() - ranges that hold these threads, and as few others as possible
 * @r: out
 * @tids: sorted here
 * @n: how many
 * @newer: 0 for all threads but the idle ones
 */
void tid_ranges_make(struct tid_ranges *r, pid_t *tids, size_t n, pid_t newer);

/** tid_ranges_has() - whether the filter lets a thread through */
bool tid_ranges_has(const struct tid_ranges *r, pid_t tid);

/** tid_ranges_text() - append a filter's expression for one field of an event, in parentheses */
void tid_ranges_text(const struct tid_ranges *r, const char *field, struct buf *out);

#endif /* KPPROF_TID_RANGES_H */
