/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Why a thread waits, as far as its state and its system call tell. */
#ifndef KPPROF_WAIT_REASON_H
#define KPPROF_WAIT_REASON_H

#include <stdbool.h>
#include <stdint.h>

#include "locks.h"
#include "space.h"

struct dump_thread;
struct fds;

/* Bytes of a detail. */
enum { WAIT_DETAIL_MAX = 256 };

/**
 * struct wait_reason - what was found
 * @kind: as struct lock_wait
 * @reason: static text
 * @detail: one line, hostile text escaped
 * @file_lock: it waits for a file lock, on descriptor @fd
 * @signal: it waits for a signal and nothing else
 * @pausing: @signal, or asleep for a time
 * @fd: descriptor
 */
struct wait_reason {
	enum wait_kind kind;
	const char *reason;
	char detail[WAIT_DETAIL_MAX];
	bool file_lock;
	bool signal;
	bool pausing;
	unsigned int fd;
};

/**
 * wait_reason() - look at a thread
 * @s: its memory
 * @t: the thread
 * @fds: descriptors of this dump; NULL: they are not resolved
 * @out: the reason; waits on a futex are a "futex wait" still
 */
void wait_reason(const struct space *s, const struct dump_thread *t, struct fds *fds,
		 struct wait_reason *out);

/**
 * wait_call_kind() - the kind of a wait in a 64-bit system call, as far as the call tells
 * @nr: its number
 * @args: its arguments
 *
 * Return: of a call on a descriptor WAIT_IO, whatever the descriptor is; WAIT_OTHER for a call that
 * is not known.
 */
enum wait_kind wait_call_kind(long nr, const uint64_t args[6]);

/** wait_kind_name() - "lock", "io"; "" for none */
const char *wait_kind_name(enum wait_kind k);

#endif /* KPPROF_WAIT_REASON_H */
