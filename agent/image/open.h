/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening the files that a process has mapped, in whatever mount namespace it lives, deleted or
 * not. */
#ifndef KPPROF_OPEN_H
#define KPPROF_OPEN_H

#include <sys/types.h>

#include "maps.h"

/**
 * open_mapped() - the file behind a mapping
 * @pid: a process that has it mapped
 * @e: the mapping; "[vdso]" gives a copy of the agent's own, which is every process's
 *
 * Through /proc/PID/map_files, which also reaches deleted files; else by path through
 * /proc/PID/root, if the inode is still the same. Only regular files are opened.
 *
 * Return: a descriptor, or -errno.
 */
int open_mapped(pid_t pid, const struct map_entry *e);

/**
 * open_debug() - the separate debug file of an image
 * @path: of the image
 * @build_id: lower-case hexadecimal or ""
 * @debuglink: name from .gnu_debuglink or ""
 *
 * Whether the file that is found belongs to the image is for its reader to check.
 *
 * Return: a descriptor, or -ENOENT.
 */
int open_debug(const char *path, const char *build_id, const char *debuglink);

/**
 * open_perfmap() - /tmp/perf-PID.map as the process @pid itself sees it
 *
 * Return: a descriptor, or -errno; -EPERM when the file is neither the process's user's nor root's.
 */
int open_perfmap(pid_t pid);

#endif /* KPPROF_OPEN_H */
