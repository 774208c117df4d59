/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/symbol: names of addresses, for pprof's own symbolization. */
#ifndef KPPROF_SYMBOL_H
#define KPPROF_SYMBOL_H

struct engine;
struct http_request;
struct target;

/**
 * symbol_serve() - answer "ADDRESS NAME" for each address in the query (GET) or the body (POST)
 *
 * Addresses are those of the target's processes as they run now, and of the kernel. Those without a
 * name are left out; the status is 200 whatever comes, because pprof gives up on anything else.
 */
void symbol_serve(struct engine *engine, struct http_request *req, const struct target *target);

#endif /* KPPROF_SYMBOL_H */
