/* SPDX-License-Identifier: GPL-2.0-or-later */
/* In which order a process's dynamic linker looks for a symbol: read from its own list. */
#ifndef KPPROF_LINKMAP_H
#define KPPROF_LINKMAP_H

#include <stdbool.h>
#include <sys/types.h>

#include "../base/buf.h"

/* A file, as /proc/PID/maps names it. */
struct linkmap_file {
	dev_t dev;
	ino_t ino;
};

/**
 * linkmap_read() - the program, its preloads and its libraries, in the order of the search
 * @pid: process
 * @out: struct linkmap_file are appended
 *
 * The list is the one that debuggers use: DT_DEBUG leads to struct r_debug, and that to one struct
 * link_map for each file (<link.h>); glibc and musl have it.
 *
 * Return: 0; -ENOENT for a program without a dynamic linker; -ESRCH; -ENOMEM, -errno.
 */
int linkmap_read(pid_t pid, struct buf *out);

/** linkmap_program() - the file that a process executes; 0, or -errno with @out all zero */
int linkmap_program(pid_t pid, struct linkmap_file *out);

/**
 * linkmap_is_loading() - whether the dynamic linker of a process still puts it together
 * @pid: process
 *
 * So it is from execve(2) on until the first instruction of the program runs, and while dlopen(3)
 * or dlclose(3) are at work. What the list has by then is in the right order, but not all there is.
 */
bool linkmap_is_loading(pid_t pid);

#endif /* KPPROF_LINKMAP_H */
