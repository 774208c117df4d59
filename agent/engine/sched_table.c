// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched_table.h"

#include <stdlib.h>

enum { BUCKETS_MIN = 256 };

/* Two events tell of one switch within this time, or they do not tell of one. */
#define SAME_SWITCH_NS 1000000u
/* While one event takes the place of another, both tell of a switch. */
#define SAME_EVENT_NS 20000u

static struct sched_thread **slot_of(const struct sched_table *s, pid_t tid)
{
	struct sched_thread **at = &s->buckets[(unsigned int)tid % s->nbuckets];

	while (*at && (*at)->tid != tid)
		at = &(*at)->next;
	return at;
}

struct sched_thread *sched_find(const struct sched_table *s, pid_t tid)
{
	return s->nbuckets ? *slot_of(s, tid) : NULL;
}

static void forget_wait(struct sched_table *s, struct sched_thread *t)
{
	futex_leave(&t->futex);
	if (t->sample)
		s->drop(s->ctx, t->sample);
	t->sample = NULL;
}

/* As many buckets as threads, so that a chain stays short. */
static bool grow(struct sched_table *s)
{
	size_t n = s->nbuckets ? s->nbuckets * 2 : BUCKETS_MIN;
	struct sched_thread **fresh;

	if (s->n < s->nbuckets)
		return true;
	fresh = calloc(n, sizeof(struct sched_thread *));
	if (!fresh)
		return s->nbuckets > 0;
	for (size_t i = 0; i < s->nbuckets; i++) {
		while (s->buckets[i]) {
			struct sched_thread *t = s->buckets[i];

			s->buckets[i] = t->next;
			t->next = fresh[(unsigned int)t->tid % n];
			fresh[(unsigned int)t->tid % n] = t;
		}
	}
	free(s->buckets);
	s->buckets = fresh;
	s->nbuckets = n;
	return true;
}

struct sched_thread *sched_add(struct sched_table *s, pid_t pid, pid_t tid)
{
	struct sched_thread *t = sched_find(s, tid), **at;

	if (t) {
		forget_wait(s, t);
		*t = (struct sched_thread){.next = t->next, .tid = tid, .pid = pid};
		return t;
	}
	if (s->n >= SCHED_THREADS_MAX || !grow(s)) {
		s->unwatched++;
		return NULL;
	}
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->tid = tid;
	t->pid = pid;
	at = slot_of(s, tid);
	*at = t;
	s->n++;
	return t;
}

void sched_found(struct sched_table *s, pid_t pid, pid_t tid, bool off, uint64_t since)
{
	struct sched_thread *t = sched_find(s, tid);

	if (t && !t->fresh)
		return;
	if (!t)
		t = sched_add(s, pid, tid);
	if (!t)
		return;
	t->fresh = true;
	t->off = off;
	t->since = since;
}

void sched_remove(struct sched_table *s, pid_t tid)
{
	struct sched_thread **at, *t;

	if (!s->nbuckets)
		return;
	at = slot_of(s, tid);
	t = *at;
	if (!t)
		return;
	*at = t->next;
	forget_wait(s, t);
	free(t);
	s->n--;
}

void sched_table_deinit(struct sched_table *s)
{
	for (size_t i = 0; i < s->nbuckets; i++) {
		while (s->buckets[i]) {
			struct sched_thread *t = s->buckets[i];

			s->buckets[i] = t->next;
			forget_wait(s, t);
			free(t);
		}
	}
	free(s->buckets);
	s->buckets = NULL;
	s->nbuckets = s->n = 0;
}

/*
 * A waker that finds the thread on its way off the CPU wakes it before the switch is told: then
 * nothing wakes it afterwards.
 */
uint64_t sched_split(const struct sched_thread *t, uint64_t to)
{
	if (t->runnable)
		return t->since;
	if (!t->woken)
		return to;
	if (t->woken < t->since)
		return t->since;
	return t->woken < to ? t->woken : to;
}

/* It came to a CPU and nobody told. What is certain is that it waited until it was woken. */
static void in_missed(struct sched_table *s, struct sched_thread *t)
{
	s->in_missed++;
	if (!t->runnable && t->woken > t->since)
		s->over(s->ctx, t, t->woken, t->woken);
	forget_wait(s, t);
	t->off = false;
	t->woken = 0;
}

void sched_out(struct sched_table *s, struct sched_thread *t, uint64_t time, uint64_t state,
	       unsigned int source, void *sample)
{
	bool again = t->told & source;
	bool same =
		t->off && !t->fresh && time - t->since < (again ? SAME_EVENT_NS : SAME_SWITCH_NS);

	if (t->off && !t->fresh && !same)
		in_missed(s, t);
	if (!same) {
		forget_wait(s, t);
		t->off = true;
		t->fresh = false;
		t->told = 0;
		t->since = time;
		t->state = state & SCHED_STATE_MASK;
		t->runnable = !t->state;
	}
	t->told |= (uint8_t)source;
	if (sample && t->sample)
		s->drop(s->ctx, t->sample);
	t->sample = sample ? sample : t->sample;
}

void sched_in(struct sched_table *s, struct sched_thread *t, uint64_t time)
{
	if (t->off || t->fresh)
		s->over(s->ctx, t, sched_split(t, time), time);
	else
		s->out_missed++;
	forget_wait(s, t);
	t->off = t->fresh = false;
	t->since = time;
	t->woken = 0;
}

void sched_woken(struct sched_thread *t, uint64_t time)
{
	/* A second wake-up before it runs changes nothing. */
	if (!t->off || t->woken < t->since)
		t->woken = time;
}

void sched_each(const struct sched_table *s, void (*fn)(void *ctx, struct sched_thread *t),
		void *ctx)
{
	for (size_t i = 0; i < s->nbuckets; i++)
		for (struct sched_thread *t = s->buckets[i]; t; t = t->next)
			fn(ctx, t);
}
