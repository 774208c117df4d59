/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ring buffer of one perf event: mapped, read record by record, and given back to the kernel.
 */
#ifndef KPPROF_RING_H
#define KPPROF_RING_H

#include <stddef.h>
#include <stdint.h>
#include <linux/perf_event.h>

/**
 * struct ring - a mapped perf ring
 * @page: the control page, NULL while not mapped
 * @data: the ring proper
 * @size: its bytes, a power of two
 * @tail: where the agent reads
 * @head: where the kernel had written to when ring_snapshot() looked
 * @damaged: times that the ring made no sense and was emptied
 * @bounce: a record that goes round the end is put together here
 */
struct ring {
	struct perf_event_mmap_page *page;
	unsigned char *data;
	size_t size;
	uint64_t tail;
	uint64_t head;
	uint64_t damaged;
	void *bounce;
};

/**
 * ring_map() - map the ring of a perf event
 * @fd: perf event
 * @pages: data pages, a power of two
 *
 * Return: 0 or -errno.
 */
int ring_map(struct ring *r, int fd, size_t pages);

/** ring_unmap() - unmap; a ring that is not mapped is allowed */
void ring_unmap(struct ring *r);

/** ring_snapshot() - see what the kernel has written up to now */
void ring_snapshot(struct ring *r);

/**
 * ring_peek() - the next record before the snapshot, left in the ring
 *
 * Return: the record, whole and 8-byte aligned, valid until the next call on this ring; NULL when
 * there is none.
 */
const struct perf_event_header *ring_peek(struct ring *r);

/** ring_consume() - step over the record that ring_peek() gave */
void ring_consume(struct ring *r);

/** ring_release() - give the space of all consumed records back to the kernel */
void ring_release(struct ring *r);

#endif /* KPPROF_RING_H */
