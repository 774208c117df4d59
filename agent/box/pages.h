/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages about the box itself, outside /debug/pprof/: the processes that may be looked at. */
#ifndef KPPROF_PAGES_H
#define KPPROF_PAGES_H

#include <stdbool.h>

struct http_request;

/**
 * pages_serve() - answer "/" with a list of processes, each with links to its profiles, and
 * "/targets" with the same in Prometheus' HTTP service discovery form
 *
 * Return: whether the path was one of these, and the request was answered.
 */
bool pages_serve(struct http_request *req);

#endif /* KPPROF_PAGES_H */
