/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/deadlock: the verdict on the locks of a target, and nothing else. */
#ifndef KPPROF_DEADLOCK_H
#define KPPROF_DEADLOCK_H

struct engine;
struct http_request;
struct target;

/**
 * deadlock_serve() - look at all threads, then answer
 *
 * With 200 in any case: as text, "no deadlock" when there is none, or with ?format=json or
 * Accept: application/json as JSON. X-Kpprof-Deadlock: 1 when there is one.
 */
void deadlock_serve(struct engine *engine, struct http_request *req, const struct target *target);

#endif /* KPPROF_DEADLOCK_H */
