/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sample whose stack came in several records of one ring, put together again. */
#ifndef KPPROF_PARTS_H
#define KPPROF_PARTS_H

#include <stdbool.h>

#include "../base/buf.h"
#include "record.h"

/**
 * struct parts - what came of the sample that is not complete; all zero is nothing
 * @head: the first record
 * @stack: bytes of the stack
 */
struct parts {
	struct buf head;
	struct buf stack;
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

/** parts_deinit() - free */
void parts_deinit(struct parts *p);

#endif /* KPPROF_PARTS_H */
