/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a process's resident anonymous memory is used for, as far as its mappings say. */
#ifndef KPPROF_RESIDENCE_H
#define KPPROF_RESIDENCE_H

#include <stdint.h>
#include <sys/types.h>

/**
 * struct residence - bytes of anonymous memory that are in RAM
 * @heap: in mappings that an allocator may use: [heap], and those without a file
 * @stacks: in mappings that hold a thread's stack pointer, the first thread's stack among them
 * @files: private copies of pages of mapped files: their data sections, mostly
 */
struct residence {
	uint64_t heap;
	uint64_t stacks;
	uint64_t files;
};

/**
 * residence_read() - add up /proc/PID/smaps
 * @pid: process
 * @r: added to
 *
 * Return: 0; -ESRCH when the process is gone; -EFBIG; -errno.
 */
int residence_read(pid_t pid, struct residence *r);

/**
 * residence_parse() - the same from the text of smaps
 * @text: changed
 * @sps: stack pointers of the threads
 * @nsps: how many
 * @r: added to
 */
void residence_parse(char *text, const uint64_t *sps, size_t nsps, struct residence *r);

#endif /* KPPROF_RESIDENCE_H */
