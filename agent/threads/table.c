// SPDX-License-Identifier: GPL-2.0-or-later
#include "table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../engine/process.h"
#include "../image/maps.h"

struct dump_thread *table_get(const struct table *t, size_t i)
{
	return &((struct dump_thread *)(void *)t->threads.data)[i];
}

size_t table_size(const struct table *t)
{
	return t->threads.len / sizeof(struct dump_thread);
}

static void let_go(struct dump_thread *thread)
{
	if (thread->stack.process)
		process_put(thread->stack.process);
	maps_put(thread->stack.maps);
	thread->stack = (struct stack){.end = KPPROF_END_NO_REGS};
	thread->user_number = thread->kernel_number = thread->text_number = 0;
}

void table_deinit(struct table *t)
{
	for (size_t i = 0; i < table_size(t); i++)
		let_go(table_get(t, i));
	buf_deinit(&t->threads);
	intern_deinit(&t->stacks);
	intern_deinit(&t->texts);
	*t = (struct table){0};
}

int64_t table_add(struct table *t, const struct dump_thread *thread)
{
	size_t i = table_size(t);

	if (i >= DUMP_THREADS_MAX) {
		t->left_out++;
		return -ENOSPC;
	}
	buf_append(&t->threads, thread, sizeof(*thread));
	return buf_error(&t->threads) ? buf_error(&t->threads) : (int64_t)i;
}

/* Number + 1 of a key; 0 for an empty one, and when there is no room. */
static uint32_t number(struct intern *in, const void *key, size_t len, bool *full)
{
	int64_t i;

	if (!len)
		return 0;
	in->keys.max = TABLE_STACKS_MAX;
	i = intern_add(in, key, len);
	if (i < 0)
		*full = true;
	return i < 0 ? 0 : (uint32_t)i + 1;
}

void table_place(struct table *t, struct dump_thread *thread, const struct stack *stack,
		 const char *text)
{
	bool full = false;

	let_go(thread);
	thread->user_number = number(&t->stacks, stack->user, stack->nuser * sizeof(__u64), &full);
	thread->kernel_number =
		number(&t->stacks, stack->kernel, stack->nkernel * sizeof(__u64), &full);
	if (text && *text)
		thread->text_number = number(&t->texts, text, strlen(text) + 1, &full);
	thread->stack.end = stack->end;
	thread->stack.guesses = stack->guesses;
	thread->stack.process = stack->process ? process_get(stack->process) : NULL;
	thread->stack.maps = stack->maps ? maps_get(stack->maps) : NULL;
	if (full)
		thread->note = "the dump has no room for its stack";
}

static int by_id(const void *a, const void *b)
{
	const struct dump_thread *x = a, *y = b;

	if (x->pid != y->pid)
		return x->pid < y->pid ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

static const __u64 *addresses(const struct table *t, uint32_t number, unsigned int *n)
{
	const void *key;
	size_t len;

	if (!number)
		return NULL;
	key = intern_key(&t->stacks, number - 1, &len);
	*n = (unsigned int)(len / sizeof(__u64));
	return key;
}

void table_finish(struct table *t)
{
	size_t n = table_size(t);

	if (n)
		qsort(t->threads.data, n, sizeof(struct dump_thread), by_id);
	for (size_t i = 0; i < n; i++) {
		struct dump_thread *th = table_get(t, i);

		th->stack.user = addresses(t, th->user_number, &th->stack.nuser);
		th->stack.kernel = addresses(t, th->kernel_number, &th->stack.nkernel);
		th->kernel =
			th->text_number ? intern_key(&t->texts, th->text_number - 1, NULL) : "";
	}
}
