/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A Unix socket in the file system: who may connect is what its file's permissions say. */
#ifndef KPPROF_UNIXSOCK_H
#define KPPROF_UNIXSOCK_H

#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

/**
 * unixsock_listen() - make the file, and listen
 * @path: at most KPPROF_PATH_MAX bytes
 * @mode: its permissions; 0 for 0600, or 0660 with a group
 * @group: its group; (gid_t)-1 or 0 for that of the process
 * @backlog: of listen(2)
 * @out: its address
 *
 * A socket that nobody listens on is replaced; any other file is left alone (-EEXIST). The file is
 * never open to more than @mode allows.
 *
 * Return: a descriptor; -EADDRINUSE when somebody listens there; -errno.
 */
int unixsock_listen(const char *path, mode_t mode, gid_t group, int backlog,
		    struct sockaddr_un *out);

/** unixsock_remove() - remove the file, if it is a socket still */
void unixsock_remove(const struct sockaddr_un *un);

/** unixsock_peer() - append who is at the other end: "uid 1000 pid 812" */
void unixsock_peer(int fd, char *out, size_t size);

#endif /* KPPROF_UNIXSOCK_H */
