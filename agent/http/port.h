/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One listening socket: bound to an address, and watched for those who connect. */
#ifndef KPPROF_PORT_H
#define KPPROF_PORT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "../base/loop.h"
#include "listen.h"

/**
 * struct port_owner - whom the ports of a listener belong to
 * @accepted: gets each connection, with @ctx
 * @starved: no connection can be taken for want of descriptors or memory, and those that wait would
 *	be offered again at once, for ever
 */
struct port_owner {
	struct loop *loop;
	listen_accepted accepted;
	void *ctx;
	void (*starved)(struct port_owner *owner);
};

/**
 * struct port - one listening socket
 * @device: bound to this interface, 0 for none
 * @wanted: for the owner: its address was found by the current look at the box
 */
struct port {
	struct port *next;
	struct port_owner *owner;
	struct loop_fd watch;
	int fd;
	struct sockaddr_storage ss;
	socklen_t len;
	uint32_t device;
	bool wanted;
};

/** port_new() - one that is not bound; NULL without memory */
struct port *port_new(struct port_owner *owner);

/** port_free() - close it; a Unix socket's file goes with it */
void port_free(struct port *p);

/**
 * port_set_inet() - the address that it will have
 * @bytes: 4, or 16 with @ipv6, in the order of the network
 * @number: of the port
 * @scope: interface, for a link-local address of IPv6
 */
void port_set_inet(struct port *p, bool ipv6, const uint8_t *bytes, uint16_t number,
		   uint32_t scope);

/** port_bind_inet() - bind it to that address, on @device, and listen. Return: 0 or -errno */
int port_bind_inet(struct port *p);

/** port_bind_unix() - the same with a path: see unixsock_listen() */
int port_bind_unix(struct port *p, const char *path, mode_t mode, gid_t group);

/** port_watch() - take connections; nothing happens to one that does. Return: 0 or -errno */
int port_watch(struct port *p);

/** port_pause() - leave those who connect waiting, until port_watch() */
void port_pause(struct port *p);

#endif /* KPPROF_PORT_H */
