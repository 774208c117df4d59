// SPDX-License-Identifier: GPL-2.0-or-later
#include "port.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "unixsock.h"

enum {
	/* A crowd that comes at once does not make others wait a second for another try. */
	BACKLOG = 1024,
	/* Connections that are taken before those that are there get their turn. */
	ACCEPTS_PER_ROUND = 16,
};

static void on_connection(struct loop_fd *w, uint32_t events)
{
	struct port *p = (struct port *)((char *)w - offsetof(struct port, watch));
	struct port_owner *owner = p->owner;

	(void)events;
	for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
		struct sockaddr_storage peer = {0};
		socklen_t len = sizeof(peer);
		int fd = accept4(p->fd, (struct sockaddr *)&peer, &len,
				 SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			owner->accepted(owner->ctx, fd, &peer, len);
			continue;
		}
		/* The connection would be offered again at once, for ever. */
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			log_warning("no connection can be taken for a moment: %s", strerror(errno));
			owner->starved(owner);
		}
		return;
	}
}

struct port *port_new(struct port_owner *owner)
{
	struct port *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->owner = owner;
	p->fd = -1;
	p->wanted = true;
	p->watch = (struct loop_fd){.fd = -1, .cb = on_connection};
	return p;
}

void port_free(struct port *p)
{
	port_pause(p);
	if (p->ss.ss_family == AF_UNIX)
		unixsock_remove((const void *)&p->ss);
	cleanup_close_(&p->fd);
	free(p);
}

void port_set_inet(struct port *p, bool ipv6, const uint8_t *bytes, uint16_t number, uint32_t scope)
{
	struct sockaddr_in *in = (void *)&p->ss;
	struct sockaddr_in6 *in6 = (void *)&p->ss;

	memset(&p->ss, 0, sizeof(p->ss));
	if (!ipv6) {
		in->sin_family = AF_INET;
		in->sin_port = htons(number);
		memcpy(&in->sin_addr, bytes, 4);
		p->len = sizeof(*in);
		return;
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(number);
	memcpy(&in6->sin6_addr, bytes, 16);
	in6->sin6_scope_id = IN6_IS_ADDR_LINKLOCAL(&in6->sin6_addr) ? scope : 0;
	p->len = sizeof(*in6);
}

static int set_options(int fd, const struct port *p)
{
	static const int on = 1;
	char name[IF_NAMESIZE];

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (p->ss.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)))
		return -errno;
	if (!p->device)
		return 0;
	if (!if_indextoname(p->device, name))
		return -errno;
	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) ? -errno
											  : 0;
}

int port_bind_inet(struct port *p)
{
	_cleanup_close_ int fd =
		socket(p->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int err = fd < 0 ? -errno : set_options(fd, p);

	if (err)
		return err;
	if (bind(fd, (const struct sockaddr *)&p->ss, p->len) || listen(fd, BACKLOG) ||
	    getsockname(fd, (struct sockaddr *)&p->ss, &p->len))
		return -errno;
	p->fd = take_fd(fd);
	return 0;
}

int port_bind_unix(struct port *p, const char *path, mode_t mode, gid_t group)
{
	int fd = unixsock_listen(path, mode, group, BACKLOG, (void *)&p->ss);

	if (fd < 0) {
		/* The file may be another's. */
		p->ss.ss_family = AF_UNSPEC;
		return fd;
	}
	p->fd = fd;
	p->len = sizeof(struct sockaddr_storage);
	return 0;
}

int port_watch(struct port *p)
{
	return p->watch.fd >= 0 ? 0 : loop_add(p->owner->loop, &p->watch, p->fd, EPOLLIN);
}

void port_pause(struct port *p)
{
	loop_del(p->owner->loop, &p->watch);
}
