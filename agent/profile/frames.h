/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a stack of addresses to the locations of a profile, its end made visible. */
#ifndef KPPROF_FRAMES_H
#define KPPROF_FRAMES_H

#include <stdint.h>
#include <sys/types.h>

#include "../engine/stack.h"

struct places;

/* Locations of the deepest stack, and the frame that says how it ended. */
enum { FRAMES_MAX = KERNEL_FRAMES_MAX + USER_FRAMES_MAX + 1 };

/** frames_end_text() - how a walk ended, in words: "no unwind rows" */
const char *frames_end_text(enum kpprof_end end);

/**
 * frames_locate() - locations of a stack, leaf first
 * @pl: makes them
 * @pid: whose user addresses
 * @s: stack; one that is not complete, or has no frame at all, ends in "[truncated: why]"
 * @out: FRAMES_MAX locations
 *
 * Return: how many, at least 1; -ENOMEM, or -EFBIG when the profile is full.
 */
int64_t frames_locate(struct places *pl, pid_t pid, const struct stack *s, uint32_t *out);

#endif /* KPPROF_FRAMES_H */
