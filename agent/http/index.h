/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The page at .../debug/pprof/, as Go prints it. */
#ifndef KPPROF_INDEX_H
#define KPPROF_INDEX_H

#include "route.h"

struct buf;

/**
 * index_page() - the list of endpoints, for a browser
 * @route: of the request; names the target
 * @counts: what stands beside each profile, by endpoint
 * @out: the page is appended
 *
 * Return: 0 or -ENOMEM.
 */
int index_page(const struct route *route, const unsigned int counts[ENDPOINT_N], struct buf *out);

#endif /* KPPROF_INDEX_H */
