/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving the locations of a profile their names: mapping by mapping, asked from the image worker.
 */
#ifndef KPPROF_RESOLVE_H
#define KPPROF_RESOLVE_H

struct engine;
struct places;
struct resolve;

/**
 * resolve_start() - name all locations
 * @engine: whose images the places refer to
 * @places: what the mappings came from; its profile gets names, mapping flags and build IDs
 * @done: called once when all that can be named is named: from the loop, or before this returns
 * @ctx: for @done
 * @out: for resolve_cancel(), valid until @done
 *
 * A mapping whose names cannot be had keeps its addresses. @places must live until @done, or until
 * resolve_cancel() has returned.
 *
 * Return: 0 or -ENOMEM.
 */
int resolve_start(struct engine *engine, struct places *places, void (*done)(void *ctx), void *ctx,
		  struct resolve **out);

/** resolve_cancel() - stop; @done is not called; NULL is allowed */
void resolve_cancel(struct resolve *r);

#endif /* KPPROF_RESOLVE_H */
