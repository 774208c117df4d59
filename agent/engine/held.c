// SPDX-License-Identifier: GPL-2.0-or-later
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct held *held_create(const struct record *r, struct process *process, const char *thread,
			 uint64_t ns, struct cpu_capture *const *captures, size_t ncaptures)
{
	const struct record_sample *s = &r->sample;
	size_t head = sizeof(struct held) + ncaptures * sizeof(struct cpu_capture *);
	size_t chain = s->nchain * sizeof(uint64_t);
	size_t ips = s->walked ? s->nips * sizeof(uint64_t) : 0;
	size_t bytes = head + chain + s->stack_len + ips;
	struct held *h = malloc(bytes);
	unsigned char *at;

	if (!h)
		return NULL;
	*h = (struct held){
		.process = process_get(process),
		.maps = process->maps ? maps_get(process->maps) : NULL,
		.record = *r,
		.ns = ns,
		.bytes = bytes,
		.ncaptures = ncaptures,
	};
	snprintf(h->thread, sizeof(h->thread), "%s", thread);
	memcpy(h->captures, captures, ncaptures * sizeof(struct cpu_capture *));
	at = (unsigned char *)h + head;
	memcpy(at, s->chain, chain);
	h->record.sample.chain = (const uint64_t *)at;
	if (s->stack_len)
		memcpy(at + chain, s->stack, s->stack_len);
	h->record.sample.stack = at + chain;
	at += chain + s->stack_len;
	if (ips)
		memcpy(at, s->ips, ips);
	h->record.sample.ips = at;
	return h;
}

void held_free(struct held *h)
{
	process_put(h->process);
	maps_put(h->maps);
	free(h);
}
