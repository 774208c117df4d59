// SPDX-License-Identifier: GPL-2.0-or-later
#include "ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* perf_event_header.size has 16 bits. */
enum { RECORD_MAX = 1 << 16 };

int ring_map(struct ring *r, int fd, size_t pages)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *at, *bounce = malloc(RECORD_MAX);

	if (!bounce)
		return -ENOMEM;
	at = mmap(NULL, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		free(bounce);
		return -errno;
	}
	*r = (struct ring){
		.page = at,
		.data = (unsigned char *)at + page,
		.size = pages * page,
		.bounce = bounce,
	};
	return 0;
}

void ring_unmap(struct ring *r)
{
	if (!r->page)
		return;
	munmap(r->page, r->size + (size_t)(r->data - (unsigned char *)r->page));
	free(r->bounce);
	*r = (struct ring){0};
}

void ring_snapshot(struct ring *r)
{
	/* Pairs with the barrier in perf_output_put_handle(): data before head. */
	r->head = __atomic_load_n(&r->page->data_head, __ATOMIC_ACQUIRE);
	if (r->head - r->tail > r->size) {
		r->damaged++;
		r->tail = r->head;
	}
}

static void copy_out(const struct ring *r, void *to, uint64_t from, size_t n)
{
	size_t at = from & (r->size - 1);
	size_t first = n < r->size - at ? n : r->size - at;

	memcpy(to, r->data + at, first);
	memcpy((char *)to + first, r->data, n - first);
}

const struct perf_event_header *ring_peek(struct ring *r)
{
	size_t at = r->tail & (r->size - 1);
	const struct perf_event_header *h = (const void *)(r->data + at);

	/* Records and the ring are multiples of 8 bytes, so a header never goes round the end. */
	if (r->tail == r->head)
		return NULL;
	if (h->size < sizeof(*h) || h->size % 8 || h->size > r->head - r->tail) {
		r->damaged++;
		r->tail = r->head;
		return NULL;
	}
	if (at + h->size <= r->size)
		return h;
	copy_out(r, r->bounce, r->tail, h->size);
	return r->bounce;
}

void ring_consume(struct ring *r)
{
	const struct perf_event_header *h = (const void *)(r->data + (r->tail & (r->size - 1)));

	r->tail += h->size;
}

void ring_release(struct ring *r)
{
	/* The kernel may overwrite what is below the tail: our reads come first. */
	__atomic_store_n(&r->page->data_tail, r->tail, __ATOMIC_RELEASE);
}
