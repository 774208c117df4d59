/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /debug/overhead: what is hooked now, and what it costs. */
#ifndef KPPROF_OVERHEAD_H
#define KPPROF_OVERHEAD_H

#include <stdbool.h>

struct armed_list;
struct http_request;

/** overhead_serve() - answer /debug/overhead; false for any other path */
bool overhead_serve(const struct armed_list *armed, struct http_request *req);

#endif /* KPPROF_OVERHEAD_H */
