/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of sockets by inode, from the tables under /proc/PID/net. */
#ifndef KPPROF_SOCKETS_H
#define KPPROF_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sockets;

/** sockets_create() - nothing is read yet; NULL without memory */
struct sockets *sockets_create(void);

/** sockets_destroy() - NULL is allowed */
void sockets_destroy(struct sockets *s);

/**
 * sockets_describe() - "tcp 127.0.0.1:80 -> 127.0.0.1:5000 (established)"
 * @pid: a process in whose network namespace the socket is
 * @out: unchanged when the socket is in no table
 */
void sockets_describe(struct sockets *s, pid_t pid, uint64_t ino, char *out, size_t size);

/**
 * sockets_line() - the same for one line of a table
 * @protocol: "tcp", "tcp6", "udp", "udp6" or "unix"
 * @line: terminated, without its newline
 * @ino: socket
 *
 * Return: false when the line is of another socket, or makes no sense.
 */
bool sockets_line(const char *protocol, const char *line, uint64_t ino, char *out, size_t size);

#endif /* KPPROF_SOCKETS_H */
