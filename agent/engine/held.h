/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Samples that wait for the unwind rows of an image. The ring goes on; a copy is held. */
#ifndef KPPROF_HELD_H
#define KPPROF_HELD_H

#include <stdbool.h>
#include <stddef.h>

#include "process.h"
#include "record.h"

struct cpu_capture;
struct image;

/* All held samples together; past this, stacks end in "rows not loaded yet". */
enum { HELD_BYTES_MAX = 8 << 20 };

/**
 * struct held - one sample
 * @awaits: image whose rows it needs
 * @process: one reference
 * @maps: one reference, or NULL
 * @record: the sample; what it points to is in the same allocation
 * @thread: name
 * @ns: CPU time it stands for
 * @bytes: of the allocation
 * @captures: who wants it; NULL for one that was cancelled
 * @ncaptures: how many
 */
struct held {
	struct held *next;
	struct image *awaits;
	struct process *process;
	struct maps *maps;
	struct record record;
	char thread[COMM_LEN];
	uint64_t ns;
	size_t bytes;
	size_t ncaptures;
	struct cpu_capture *captures[];
};

/**
 * held_create() - copy a sample
 * @r: the record, a sample
 * @process: its process
 * @thread: name of its thread
 * @ns: CPU time
 * @captures: who wants it
 * @ncaptures: how many
 *
 * Return: the copy, or NULL without memory.
 */
struct held *held_create(const struct record *r, struct process *process, const char *thread,
			 uint64_t ns, struct cpu_capture *const *captures, size_t ncaptures);

/** held_free() - free a copy and its references */
void held_free(struct held *h);

#endif /* KPPROF_HELD_H */
