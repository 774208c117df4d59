/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The requests that wait for an armed profile. Private to cumulative.c and cumulative_request.c. */
#ifndef KPPROF_CUMULATIVE_REQUEST_H
#define KPPROF_CUMULATIVE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

struct cumulative;

/** cumulative_get() - one more reference: it is armed, or a request uses it; returns @c */
struct cumulative *cumulative_get(struct cumulative *c);

/** cumulative_put() - one reference less */
void cumulative_put(struct cumulative *c);

/** cumulative_gone() - whether the process that it is about is not there any more */
bool cumulative_gone(const struct cumulative *c);

/** requests_finish() - nothing more will be counted: answer all that wait */
void requests_finish(struct cumulative *c);

/** requests_move() - see cumulative_move() */
void requests_move(struct cumulative *c, uint32_t from, uint32_t to, const int64_t *values,
		   uint64_t since);

#endif /* KPPROF_CUMULATIVE_REQUEST_H */
