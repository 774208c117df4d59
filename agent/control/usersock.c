// SPDX-License-Identifier: GPL-2.0-or-later
#include "usersock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "message.h"

enum { MESSAGE_MAX = 8 << 10 };

struct usersock {
	struct loop *loop;
	struct loop_fd watch;
	int fd;
	usersock_handler handler;
	void *ctx;
	/* The sender of the message that is being answered, and its number. */
	uint32_t peer;
	uint32_t seq;
	uint8_t cmd;
	_Alignas(struct nlmsghdr) char in[MESSAGE_MAX];
	_Alignas(struct nlmsghdr) char out[MESSAGE_MAX];
};

uint32_t usersock_port(void)
{
	const char *text = getenv("PPROF_CONTROL");
	unsigned long port;
	char *end;

	if (!text || !*text)
		return KPPROF_USERSOCK_PORT;
	if (strcmp(text, "off") == 0)
		return 0;
	port = strtoul(text, &end, 0);
	return *end || !port || port > UINT32_MAX ? KPPROF_USERSOCK_PORT : (uint32_t)port;
}

static void send_message(struct usersock *s, const struct nlmsghdr *nlh)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = s->peer};

	/* Whoever does not read its answers does not get them. */
	(void)!sendto(s->fd, nlh, nlh->nlmsg_len, MSG_DONTWAIT, (const struct sockaddr *)&to,
		      sizeof(to));
}

static struct nlmsghdr *begin(struct usersock *s)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(s->out);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = KPPROF_USERSOCK_TYPE;
	nlh->nlmsg_seq = s->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = s->cmd;
	genl->version = KPPROF_GENL_VERSION;
	return nlh;
}

void usersock_next(struct usersock_reply *reply)
{
	send_message(reply->sock, reply->nlh);
	reply->nlh = begin(reply->sock);
}

bool usersock_put_str(struct usersock_reply *r, uint16_t type, const char *text)
{
	return !text || !*text || mnl_attr_put_strz_check(r->nlh, r->room, type, text);
}

bool usersock_put_u32(struct usersock_reply *r, uint16_t type, uint32_t value)
{
	return mnl_attr_put_u32_check(r->nlh, r->room, type, value);
}

bool usersock_put_u64(struct usersock_reply *r, uint16_t type, uint64_t value)
{
	return mnl_attr_put_u64_check(r->nlh, r->room, type, value);
}

bool usersock_put_flag(struct usersock_reply *r, uint16_t type, bool set)
{
	return !set || mnl_attr_put_check(r->nlh, r->room, type, 0, NULL);
}

/* As the kernel ends its answers: an error, 0 among them, and a text (NETLINK_EXT_ACK). */
static void acknowledge(struct usersock *s, const struct nlmsghdr *request, int err,
			const char *why)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(s->out);
	struct nlmsgerr *e;

	nlh->nlmsg_type = NLMSG_ERROR;
	nlh->nlmsg_flags = NLM_F_CAPPED | NLM_F_ACK_TLVS;
	nlh->nlmsg_seq = s->seq;
	e = mnl_nlmsg_put_extra_header(nlh, sizeof(*e));
	e->error = err;
	e->msg = *request;
	if (*why)
		mnl_attr_put_strz(nlh, NLMSGERR_ATTR_MSG, why);
	send_message(s, nlh);
}

static void answer(struct usersock *s, const struct nlmsghdr *nlh, bool trusted)
{
	struct usersock_reply reply = {.sock = s, .room = sizeof(s->out)};
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct message m;
	int err;

	s->seq = nlh->nlmsg_seq;
	if (!trusted) {
		acknowledge(s, nlh, -EPERM, "only user 0 may");
		return;
	}
	err = nlh->nlmsg_type == KPPROF_USERSOCK_TYPE ? message_parse(nlh, &m) : -EINVAL;
	if (err) {
		acknowledge(s, nlh, err, "malformed message");
		return;
	}
	s->cmd = genl->cmd;
	reply.nlh = begin(s);
	err = s->handler(s->ctx, genl->cmd, &m, &reply);
	if (!err && reply.nlh->nlmsg_len > MNL_NLMSG_HDRLEN + sizeof(*genl))
		send_message(s, reply.nlh);
	acknowledge(s, nlh, err, reply.why);
}

static void receive(struct loop_fd *w, uint32_t events)
{
	struct usersock *s = (struct usersock *)((char *)w - offsetof(struct usersock, watch));
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {s->in, sizeof(s->in)};
	struct sockaddr_nl from = {0};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(s->fd, &msg, MSG_DONTWAIT);
	const struct nlmsghdr *nlh = (const void *)s->in;

	(void)events;
	if (n < 0 || msg.msg_flags & MSG_TRUNC || !message_fits(nlh, (int)n))
		return;
	s->peer = from.nl_pid;
	answer(s, nlh, message_from_root(&msg));
}

static int open_socket(uint32_t port)
{
	const struct sockaddr_nl at = {.nl_family = AF_NETLINK, .nl_pid = port};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_USERSOCK);
	int on = 1, err;

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

int usersock_create(struct loop *loop, uint32_t port, usersock_handler handler, void *ctx,
		    struct usersock **out)
{
	struct usersock *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	*s = (struct usersock){.loop = loop, .handler = handler, .ctx = ctx};
	s->watch = (struct loop_fd){.fd = -1, .cb = receive};
	s->fd = open_socket(port);
	err = s->fd < 0 ? s->fd : loop_add(loop, &s->watch, s->fd, EPOLLIN);
	if (err) {
		usersock_destroy(s);
		return err;
	}
	*out = s;
	return 0;
}

void usersock_destroy(struct usersock *s)
{
	if (!s)
		return;
	loop_del(s->loop, &s->watch);
	cleanup_close_(&s->fd);
	free(s);
}
