// SPDX-License-Identifier: GPL-2.0-or-later
/* A perf ring of arbitrary bytes: every record that is taken out of it lies inside it, and decodes
 * or not. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/engine/record.h"
#include "../../agent/engine/ring.h"

enum { RING_BYTES = 4096 };

/* Touches all that a record points to, so that the sanitizer sees whether it may. */
static unsigned long look_at(const struct record *r)
{
	unsigned long sum = 0;

	switch (r->type) {
	case PERF_RECORD_SAMPLE:
		for (uint64_t i = 0; i < r->sample.nchain * sizeof(uint64_t); i++)
			sum += ((const unsigned char *)r->sample.chain)[i];
		for (uint64_t i = 0; i < r->sample.stack_len; i++)
			sum += r->sample.stack[i];
		for (uint64_t i = 0; i < r->sample.nips * sizeof(uint64_t); i++)
			sum += r->sample.ips[i];
		for (uint64_t i = 0; i < r->sample.raw_len; i++)
			sum += r->sample.raw[i];
		break;
	case PERF_RECORD_MMAP2:
		sum += strlen(r->mmap.path);
		if (r->mmap.end < r->mmap.start)
			abort();
		break;
	case PERF_RECORD_COMM:
		sum += strlen(r->comm.name);
		break;
	}
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct perf_event_mmap_page page;
	static const struct record_module module = {1, 2, 3, 4};
	static volatile unsigned long sink;
	const struct perf_event_header *h;
	struct ring ring = {.page = &page, .size = RING_BYTES};
	unsigned int records = 0;

	if (size < 4)
		return 0;
	ring.data = calloc(1, RING_BYTES);
	ring.bounce = malloc(1 << 16);
	if (!ring.data || !ring.bounce)
		abort();
	/* The first bytes choose where in the ring the reader stands. */
	ring.tail = (uint64_t)(data[0] | data[1] << 8) * 8;
	size = size - 4 > RING_BYTES ? RING_BYTES : size - 4;
	for (size_t i = 0; i < size; i++)
		ring.data[(ring.tail + i) % RING_BYTES] = data[4 + i];
	page.data_head = ring.tail + (size & ~7ul);
	ring_snapshot(&ring);
	while ((h = ring_peek(&ring))) {
		/* On the heap and exactly as large as it says, so that a read past it is seen. */
		void *copy = malloc(h->size);
		struct record r;
		uint64_t time;

		if (!copy || ++records > RING_BYTES / 8)
			abort();
		memcpy(copy, h, h->size);
		record_time(copy, &time);
		if (!record_parse(copy, &r))
			sink += look_at(&r);
		if (!record_parse_module(copy, &module, &r))
			sink += look_at(&r);
		free(copy);
		ring_consume(&ring);
		ring_release(&ring);
	}
	free(ring.data);
	free(ring.bounce);
	return 0;
}
