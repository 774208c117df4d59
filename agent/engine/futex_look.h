/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A look at what stands beside a futex word, where the call itself does not say what the word is.
 */
#ifndef KPPROF_FUTEX_LOOK_H
#define KPPROF_FUTEX_LOOK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "futexes.h"

/**
 * futex_look() - what a thread waits on
 * @w: the call; what is beside the word is filled in if it matters
 * @pid: process
 * @addr: the word, in its memory; what cannot be read says nothing
 * @is_thread: whether a word of the target is the number of one of the process's threads
 * @ctx: for it
 */
enum futex_word futex_look(struct futex_wait *w, pid_t pid, uint64_t addr,
			   bool (*is_thread)(const void *ctx, pid_t pid, pid_t tid),
			   const void *ctx);

#endif /* KPPROF_FUTEX_LOOK_H */
