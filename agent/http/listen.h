/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The listening sockets of a server. ":6060" is one socket for each private address of the box,
 * opened and closed as addresses come and go: the kernel never listens on a public one, whatever
 * happens to the interfaces. What an address may be is said in kmod/addr.h.
 */
#ifndef KPPROF_LISTEN_H
#define KPPROF_LISTEN_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

struct buf;
struct listener;
struct loop;

/**
 * struct listen_config - where to listen
 * @addr: as kpprof_listen_parse() takes it
 * @allow: KPPROF_ALLOW_*
 * @unix_mode: permissions of a Unix socket; 0 for 0600, or 0660 with a group
 * @unix_group: its group; (gid_t)-1 or 0 for that of the process
 */
struct listen_config {
	const char *addr;
	unsigned int allow;
	mode_t unix_mode;
	gid_t unix_group;
};

/**
 * typedef listen_accepted - somebody has connected
 * @fd: the connection, now the callback's
 * @peer: who, as accept(2) says
 */
typedef void (*listen_accepted)(void *ctx, int fd, const struct sockaddr_storage *peer,
				socklen_t len);

/**
 * listen_create() - listen
 * @why: out: on error one sentence for the user
 *
 * An address that is named must be there. With the forms that stand for several, those that cannot
 * be bound are logged and tried again; none at all is no error.
 *
 * Return: 0; -EINVAL for an address that is wrong or refused; -errno of socket, bind, listen.
 */
int listen_create(struct loop *loop, const struct listen_config *cfg, listen_accepted accepted,
		  void *ctx, char *why, size_t size, struct listener **out);

/** listen_destroy() - close all sockets; a Unix socket's file goes with it. NULL is allowed */
void listen_destroy(struct listener *l);

/** listen_port() - the port that is really listened on (the address may have said 0) */
unsigned int listen_port(const struct listener *l);

/** listen_describe() - append the addresses that are bound now, as text with blanks between */
void listen_describe(const struct listener *l, struct buf *out);

/** listen_addr_text() - "10.0.0.1:80", "[fe80::1%eth0]:80", "local" for a Unix socket */
void listen_addr_text(const struct sockaddr_storage *ss, char *out, size_t size);

/* Enough for any text of listen_addr_text(). */
enum { LISTEN_ADDR_TEXT = 46 + 16 + sizeof("[%]:65535") };

#endif /* KPPROF_LISTEN_H */
