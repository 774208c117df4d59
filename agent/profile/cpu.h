/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/profile: where the CPU time goes. */
#ifndef KPPROF_CPU_H
#define KPPROF_CPU_H

struct engine;
struct http_request;
struct target;

/**
 * cpu_serve() - sample for ?seconds= at ?hz=, then answer with the profile
 *
 * The request is answered, or kept until the profile is there or the client is gone.
 */
void cpu_serve(struct engine *engine, struct http_request *req, const struct target *target);

#endif /* KPPROF_CPU_H */
