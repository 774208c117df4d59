/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sample whose stack came in records of its own, put together again. */
#ifndef KPPROF_PARTS_H
#define KPPROF_PARTS_H

#include <stdbool.h>

#include "../base/buf.h"
#include "record.h"

/**
 * struct parts - what came of the sample that is not complete; all zero is nothing
 * @head: the first record
 * @stack: bytes of the stack
 * @sched: the kpprof:kpprof_sched record whose stack is to follow
 */
struct parts {
	struct buf head;
	struct buf stack;
	struct buf sched;
};

/**
 * parts_join() - add the next record of a ring
 * @p: of that ring
 * @h: the record
 * @module: for record_parse_module()
 * @r: in: the record, decoded; out: the whole sample, pointing into @p until the next call
 *
 * A part whose neighbour was lost is dropped: the kernel has counted the one that it lost.
 *
 * Return: whether *@r is whole.
 */
bool parts_join(struct parts *p, const struct perf_event_header *h,
		const struct record_module *module, struct record *r);

/** parts_keep() - keep a record whose stack follows in others of the same ring */
void parts_keep(struct parts *p, const struct perf_event_header *h);

/**
 * parts_kept() - the record that was kept, and not any more
 * @r: out: decoded, pointing into @p until the next call
 *
 * Return: whether there is one.
 */
bool parts_kept(struct parts *p, const struct record_module *module, struct record *r);

/** parts_deinit() - free */
void parts_deinit(struct parts *p);

#endif /* KPPROF_PARTS_H */
