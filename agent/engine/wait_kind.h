/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a sleeping thread waits for, from the kernel functions that it sleeps in. Their places are
 * read from /proc/kallsyms once; without (kptr_restrict) only the thread's state tells.
 */
#ifndef KPPROF_WAIT_KIND_H
#define KPPROF_WAIT_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "../locks/locks.h"

/* What the functions of one chain say together; bits. */
enum {
	KFUNC_FAULT = 1 << 0,
	KFUNC_FUTEX_WAIT = 1 << 1,
	KFUNC_LOCK = 1 << 2,
	KFUNC_POLL = 1 << 3,
	KFUNC_SLEEP = 1 << 4,
	KFUNC_PIPE = 1 << 5,
	KFUNC_NET = 1 << 6,
	KFUNC_DISK = 1 << 7,
	KFUNC_IO = 1 << 8,
	KFUNC_FUTEX = 1 << 9,	   /* in futex(2), doing whatever */
	KFUNC_INTERRUPT = 1 << 10, /* on top of what the thread does */
	KFUNC_EXIT = 1 << 11,	   /* the thread is going */
};

/**
 * struct kfunc - a function that says something
 * @start: first address
 * @end: first address of the next function
 * @what: KFUNC_ bits
 */
struct kfunc {
	uint64_t start;
	uint64_t end;
	uint32_t what;
};

/**
 * struct wait_kinds - the functions, in the order of their addresses; all zero knows none
 */
struct wait_kinds {
	struct kfunc *funcs;
	size_t n;
};

/**
 * wait_kinds_read() - find the functions
 * @k: out
 * @kallsyms: text of /proc/kallsyms; 120 000 lines take some 30 ms
 *
 * Return: 0; -ENOENT when the addresses are hidden; -ENOMEM, -errno.
 */
int wait_kinds_read(struct wait_kinds *k, FILE *kallsyms);

/** wait_kinds_deinit() - forget them */
void wait_kinds_deinit(struct wait_kinds *k);

/**
 * wait_kinds_chain() - what a callchain says
 * @chain: kernel addresses and context markers, not aligned
 * @n: how many
 *
 * Return: KFUNC_ bits.
 */
uint32_t wait_kinds_chain(const struct wait_kinds *k, const void *chain, uint64_t n);

/** wait_kinds_text() - the same of function names in lines, "futex_wait+0x5e/0x110" */
uint32_t wait_kinds_text(const char *text);

/**
 * wait_kind() - the kind of a wait
 * @what: KFUNC_ bits of its chain
 * @disk_state: the thread could not be interrupted (state D)
 */
enum wait_kind wait_kind(uint32_t what, bool disk_state);

#endif /* KPPROF_WAIT_KIND_H */
