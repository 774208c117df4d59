/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One thread's stack at one moment, as the engine hands it to whoever makes a profile of it. */
#ifndef KPPROF_STACK_H
#define KPPROF_STACK_H

#include <linux/types.h>

#include "../../kmod/walk.h"

struct maps;
struct process;

/* Frames of a kernel and of a user stack: deeper ones are cut. */
enum { KERNEL_FRAMES_MAX = 127, USER_FRAMES_MAX = 384 };

/**
 * struct stack - kernel and user frames of a thread
 * @process: whose; NULL for a kernel thread
 * @maps: its mappings at that moment, NULL for a kernel thread
 * @kernel: kernel frames, leaf first, each inside its instruction
 * @nkernel: how many
 * @user: user frames, the same
 * @nuser: how many
 * @end: how the walk of the user stack ended
 * @guesses: user frames that were found by search
 *
 * Everything in it is the giver's, and valid during the call that hands it over.
 */
struct stack {
	struct process *process;
	struct maps *maps;
	const __u64 *kernel;
	unsigned int nkernel;
	const __u64 *user;
	unsigned int nuser;
	enum kpprof_end end;
	unsigned int guesses;
};

#endif /* KPPROF_STACK_H */
