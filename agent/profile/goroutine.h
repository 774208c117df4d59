/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/goroutine, and thread, the same: what every thread is doing. */
#ifndef KPPROF_GOROUTINE_H
#define KPPROF_GOROUTINE_H

struct armed_list;
struct engine;
struct http_request;
struct target;

/**
 * goroutine_serve() - look at all threads, then answer
 *
 * As a profile with one sample for each thread; with ?debug=1 as text, threads that stand in the
 * same place together; with ?debug=2 one block for each thread, with who made it where a profile
 * threadcreate in @armed has seen that.
 */
void goroutine_serve(struct engine *engine, const struct armed_list *armed,
		     struct http_request *req, const struct target *target);

#endif /* KPPROF_GOROUTINE_H */
