/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/mutex: who keeps others waiting. */
#ifndef KPPROF_MUTEX_H
#define KPPROF_MUTEX_H

#include "cumulative.h"

extern const struct cumulative_kind mutex_profile;

/** mutex_serve() - answer with the time that threads waited, by who let them go */
void mutex_serve(struct armed_list *l, struct http_request *req, const struct target *target);

#endif /* KPPROF_MUTEX_H */
