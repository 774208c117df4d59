/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The threads of a dump while it is made: many of them stand in the same place, and share it. */
#ifndef KPPROF_THREADS_TABLE_H
#define KPPROF_THREADS_TABLE_H

#include "../base/buf.h"
#include "../base/hash.h"
#include "dump.h"

/* Bytes of all different stacks together. */
enum { TABLE_STACKS_MAX = 16 << 20 };

/**
 * struct table - threads and their stacks; all zero is an empty one
 * @threads: struct dump_thread
 * @stacks: addresses of user or kernel stacks
 * @texts: kernel stacks as text, with their NUL
 * @left_out: threads over DUMP_THREADS_MAX
 */
struct table {
	struct buf threads;
	struct intern stacks;
	struct intern texts;
	size_t left_out;
};

/** table_deinit() - free all, and what the threads hold of maps and processes */
void table_deinit(struct table *t);

/** table_add() - one more thread; its index, -ENOSPC when it was left out, -ENOMEM */
int64_t table_add(struct table *t, const struct dump_thread *thread);

/** table_get() - thread @i, valid until the next table_add() */
struct dump_thread *table_get(const struct table *t, size_t i);

/** table_size() - how many there are */
size_t table_size(const struct table *t);

/**
 * table_place() - a thread's stack, replacing what it had
 * @thread: of this table, or on its way into it
 * @stack: copied; process and maps get a reference
 * @text: kernel frames as text, NULL for none
 *
 * Without room the thread keeps no frames, and says so in its note.
 */
void table_place(struct table *t, struct dump_thread *thread, const struct stack *stack,
		 const char *text);

/** table_finish() - sort the threads and give them their stacks; nothing is added any more */
void table_finish(struct table *t);

#endif /* KPPROF_THREADS_TABLE_H */
