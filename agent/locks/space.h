/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The memory of a target as its lock words are looked for in it: read only, and never trusted. */
#ifndef KPPROF_SPACE_H
#define KPPROF_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct space - an address space
 * @pid: whose, 0 for none (a test's)
 * @read: copy @n bytes; 0 or -EFAULT when not all of them are there
 * @thread: whether the process has a thread of that number, as the process itself counts
 */
struct space {
	pid_t pid;
	int (*read)(const struct space *s, uint64_t addr, void *out, size_t n);
	bool (*thread)(const struct space *s, pid_t tid);
};

/** space_read_vm() - struct space.read for a live process, without stopping it */
int space_read_vm(const struct space *s, uint64_t addr, void *out, size_t n);

/** space_word() - read one futex word; false when it is not there */
bool space_word(const struct space *s, uint64_t addr, uint32_t *out);

#endif /* KPPROF_SPACE_H */
