/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/block: where threads wait, and for what. */
#ifndef KPPROF_BLOCK_H
#define KPPROF_BLOCK_H

#include "cumulative.h"

extern const struct cumulative_kind block_profile;

/**
 * block_serve() - answer with the waits of a target
 *
 * ?wait= is "all", or kinds of enum wait_kind by name with commas between; without it all but poll
 * and sleep, which are how idle threads pass their time. Everything is counted whatever was asked
 * for.
 */
void block_serve(struct armed_list *l, struct http_request *req, const struct target *target);

/** wait_kinds_parse() - such a list: bits 1 << kind; 0 for one that is wrong */
uint32_t wait_kinds_parse(const char *text);

#endif /* KPPROF_BLOCK_H */
