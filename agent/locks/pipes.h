/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has the ends of the pipes of the box: one walk through the descriptors of all processes. */
#ifndef KPPROF_PIPES_H
#define KPPROF_PIPES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../engine/target.h"

struct pipes;

/** pipes_read() - walk; NULL without memory */
struct pipes *pipes_read(void);

/** pipes_destroy() - NULL is allowed */
void pipes_destroy(struct pipes *p);

/** pipes_complete() - whether all descriptors were seen */
bool pipes_complete(const struct pipes *p);

/**
 * pipes_peer() - a process that has an end of a pipe
 * @ino: the pipe
 * @pid: a process that is only an answer when no other is
 * @write: the end to write to
 * @name: its name, escaped
 *
 * Return: process, or 0.
 */
pid_t pipes_peer(const struct pipes *p, uint64_t ino, pid_t pid, bool write,
		 char name[TARGET_COMM_MAX]);

#endif /* KPPROF_PIPES_H */
