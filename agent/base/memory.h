/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent takes of the box: memory and CPU time, and their limits. */
#ifndef KPPROF_MEMORY_H
#define KPPROF_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

enum { MEMORY_MB_DEFAULT = 64, MEMORY_MB_MIN = 16, MEMORY_MB_MAX = 65536 };

/** memory_own() - resident bytes that are the process's own: not files, not what is shared */
size_t memory_own(void);

/**
 * memory_limit() - set the cap
 * @mb: megabytes
 *
 * The cap is kept by whoever asks memory_over(): before there is more to remember. Behind it stands
 * the kernel's limit for writable memory (RLIMIT_DATA), four times as high, over which allocations
 * fail.
 */
void memory_limit(unsigned int mb);

/** memory_cap() - the cap in bytes */
size_t memory_cap(void);

/**
 * memory_over() - whether the cap is exceeded, what malloc() holds in reserve given back
 */
bool memory_over(void);

#endif /* KPPROF_MEMORY_H */
