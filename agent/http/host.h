/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether a request comes from where it says: a browser on a private network can be led to this
 * port by a stranger's page, either by a name of the stranger's that is suddenly this box's address
 * (DNS rebinding), or straight away with the answer thrown away (cross-site requests).
 */
#ifndef KPPROF_HOST_H
#define KPPROF_HOST_H

#include <stdbool.h>

/**
 * host_allowed() - whether a Host header can only mean this box
 * @host: "10.0.0.1:6060", "[::1]", "localhost", a name; untrusted
 * @names: names that are allowed besides, separated by commas or blanks; NULL for none
 *
 * Allowed are addresses, which no name server can redirect, "localhost", the box's own host name as
 * it is now, and @names. Case and a port do not matter.
 */
bool host_allowed(const char *host, const char *names);

/**
 * origin_allowed() - whether a request was not made by a page from elsewhere
 * @host: Host header
 * @origin: Origin header or NULL
 * @site: Sec-Fetch-Site header or NULL
 * @mode: Sec-Fetch-Mode header or NULL
 *
 * A link that somebody follows is allowed. Clients that are no browsers send none of these headers.
 */
bool origin_allowed(const char *host, const char *origin, const char *site, const char *mode);

#endif /* KPPROF_HOST_H */
