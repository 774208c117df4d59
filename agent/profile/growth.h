/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/heap?mode=growth: who touched memory for the first time. Nothing is probed. */
#ifndef KPPROF_PROFILE_GROWTH_H
#define KPPROF_PROFILE_GROWTH_H

#include "cumulative.h"

extern const struct cumulative_kind growth_profile;

/**
 * growth_serve() - answer with the growth of a target's memory
 * @name: "heap" or "allocs"
 * @raw: without frames in brackets
 */
void growth_serve(struct armed_list *l, struct http_request *req, const struct target *target,
		  const char *name, bool raw);

#endif /* KPPROF_PROFILE_GROWTH_H */
