// SPDX-License-Identifier: GPL-2.0-or-later
#include "held.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../image/store.h"
#include "user_stack.h"

struct held *held_create(const struct record *r, struct process *process, const char *thread,
			 size_t extra)
{
	const struct record_sample *s = &r->sample;
	size_t head = (sizeof(struct held) + extra + 7) & ~(size_t)7;
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
		.bytes = bytes,
	};
	memset(h->extra, 0, extra);
	snprintf(h->thread, sizeof(h->thread), "%s", thread);
	at = (unsigned char *)h + head;
	if (chain)
		memcpy(at, s->chain, chain);
	h->record.sample.chain = (const uint64_t *)at;
	at += chain;
	if (s->stack_len)
		memcpy(at, s->stack, s->stack_len);
	h->record.sample.stack = at;
	at += s->stack_len;
	if (ips)
		memcpy(at, s->ips, ips);
	h->record.sample.ips = at;
	return h;
}

struct held *held_copy(const struct held *h, size_t extra)
{
	struct held *copy = held_create(&h->record, h->process, h->thread, extra);

	/* The process may have other mappings by now. */
	if (copy) {
		maps_put(copy->maps);
		copy->maps = h->maps ? maps_get(h->maps) : NULL;
	}
	return copy;
}

void held_free(struct held *h)
{
	if (!h)
		return;
	process_put(h->process);
	maps_put(h->maps);
	free(h);
}

/* Takes the markers out of a callchain; callers are return addresses, and lie one byte before. */
static unsigned int kernel_frames(const struct record_sample *s, __u64 *out)
{
	unsigned int n = 0;

	for (uint64_t i = 0; i < s->nchain && n < KERNEL_FRAMES_MAX; i++) {
		uint64_t ip;

		memcpy(&ip, s->chain + i, sizeof(ip));
		if (ip == (uint64_t)PERF_CONTEXT_USER)
			break;
		if (ip >= (uint64_t)PERF_CONTEXT_MAX)
			continue;
		out[n] = n ? ip - 1 : ip;
		n++;
	}
	if (!n && s->kernel_mode)
		out[n++] = s->ip;
	return n;
}

static void deliver(struct held *h, const struct kpprof_walk *walk, const __u64 *user,
		    unsigned int nuser)
{
	__u64 kernel[KERNEL_FRAMES_MAX];
	struct stack stack = {
		.process = h->process,
		.maps = h->maps,
		.kernel = kernel,
		.nkernel = kernel_frames(&h->record.sample, kernel),
		.user = user,
		.nuser = nuser,
		.end = walk->end,
		.guesses = walk->guesses,
	};

	/* A kernel thread has no user half that could be missing. */
	if (stack.end == KPPROF_END_NO_REGS && stack.nkernel)
		stack.end = KPPROF_END_COMPLETE;
	h->deliver(h, &stack);
	held_free(h);
}

void held_walked(struct held *h, bool believed)
{
	const struct record_sample *s = &h->record.sample;
	struct kpprof_walk walk = {.end = s->end, .guesses = s->guesses};
	unsigned int n = s->nips < USER_FRAMES_MAX ? s->nips : USER_FRAMES_MAX;
	__u64 user[USER_FRAMES_MAX];

	/* Walked with mappings that had been replaced: only where it was is certain. */
	if (!believed) {
		walk.end = KPPROF_END_PENDING;
		n = n ? 1 : 0;
	}
	memcpy(user, s->ips, n * sizeof(*user));
	deliver(h, &walk, user, n);
}

/* Walks, and delivers unless rows are missing: then they are asked for, and true is returned. */
static bool walk_or_wait(struct image_store *store, struct held *h, bool may_wait)
{
	__u64 user[USER_FRAMES_MAX];
	struct kpprof_walk walk;
	struct image *awaited;
	unsigned int n;

	n = user_stack_walk(store, h->record.pid, h->maps, &h->record.sample, user, USER_FRAMES_MAX,
			    &walk, &awaited);
	if (awaited) {
		image_want_rows(awaited);
		if (may_wait && awaited->state == IMAGE_LOADING) {
			h->awaits = awaited;
			return true;
		}
	}
	deliver(h, &walk, user, n);
	return false;
}

static void keep(struct held_list *l, struct held *h)
{
	h->next = l->first;
	l->first = h;
	l->bytes += h->bytes;
}

void held_walk(struct held_list *l, struct image_store *store, struct held *h)
{
	if (walk_or_wait(store, h, l->bytes + h->bytes <= HELD_BYTES_MAX))
		keep(l, h);
}

void held_rows_ready(struct held_list *l, struct image_store *store, const struct image *image)
{
	struct held **at = &l->first;

	while (*at) {
		struct held *h = *at;

		if (h->awaits != image) {
			at = &h->next;
			continue;
		}
		*at = h->next;
		h->next = l->retrying;
		l->retrying = h;
	}
	while (l->retrying) {
		struct held *h = l->retrying;

		l->retrying = h->next;
		l->bytes -= h->bytes;
		if (walk_or_wait(store, h, true))
			keep(l, h);
	}
}

void held_each(struct held_list *l, void (*fn)(void *ctx, struct held *h), void *ctx)
{
	for (struct held *h = l->first; h; h = h->next)
		fn(ctx, h);
	for (struct held *h = l->retrying; h; h = h->next)
		fn(ctx, h);
}

void held_clear(struct held_list *l)
{
	while (l->first) {
		struct held *h = l->first;

		l->first = h->next;
		held_free(h);
	}
	l->bytes = 0;
}
