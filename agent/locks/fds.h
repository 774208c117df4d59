/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a descriptor of another process is: a file, a pipe and who has its other end, a socket. */
#ifndef KPPROF_FDS_H
#define KPPROF_FDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "locks.h"

struct fds;

/* Bytes of a description. */
enum { FD_TEXT_MAX = 192 };

/** fds_create() - for one dump, of which it remembers the sockets and pipes; NULL without memory */
struct fds *fds_create(void);

/** fds_destroy() - NULL is allowed */
void fds_destroy(struct fds *f);

/**
 * fd_describe() - what descriptor @fd of process @pid is
 * @f: what is known of the box
 * @write: the process writes to it, so the other end of a pipe is a reader
 * @out: text of one line, hostile names escaped
 *
 * Return: WAIT_IO, WAIT_PIPE or WAIT_NET.
 */
enum wait_kind fd_describe(struct fds *f, pid_t pid, unsigned int fd, bool write,
			   char out[FD_TEXT_MAX]);

/** fd_watched() - descriptors that an epoll instance watches, or -1 */
int fd_watched(pid_t pid, unsigned int fd);

#endif /* KPPROF_FDS_H */
