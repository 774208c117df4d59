// SPDX-License-Identifier: GPL-2.0-or-later
#include "client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include "message.h"

enum { ROOM = 8 << 10, PATIENCE_S = 2 };

struct client {
	int fd;
	uint32_t port;
	uint32_t seq;
	char error[256];
	_Alignas(struct nlmsghdr) char out[ROOM];
	_Alignas(struct nlmsghdr) char in[ROOM];
};

const char *client_error(const struct client *c)
{
	return c->error;
}

int client_open_agent(uint32_t port, struct client **out)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	struct client *c = calloc(1, sizeof(*c));
	int on = 1;

	if (!c)
		return -ENOMEM;
	c->port = port;
	c->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_USERSOCK);
	if (c->fd < 0 || setsockopt(c->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0 ||
	    setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) < 0 ||
	    bind(c->fd, (const struct sockaddr *)&any, sizeof(any)) < 0) {
		int err = -errno;

		client_close(c);
		return err;
	}
	*out = c;
	return 0;
}

void client_close(struct client *c)
{
	if (c && c->fd >= 0)
		close(c->fd);
	free(c);
}

struct nlmsghdr *client_begin(struct client *c, uint8_t cmd)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(c->out);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = KPPROF_USERSOCK_TYPE;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	nlh->nlmsg_seq = ++c->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = KPPROF_GENL_VERSION;
	return nlh;
}

/* One datagram; its length, or -errno. What does not come from the agent is left out. */
static ssize_t receive(struct client *c)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
	struct iovec iov = {c->in, sizeof(c->in)};
	struct sockaddr_nl from = {0};
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(c->fd, &msg, 0);

	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return from.nl_pid == c->port && message_from_root(&msg) ? n : 0;
}

static int take_text(const struct nlattr *a, void *data)
{
	struct client *c = data;

	if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(c->error, sizeof(c->error), "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

static int take_end(struct client *c, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EBADMSG;
	mnl_attr_parse(nlh, sizeof(*e), take_text, c);
	return e->error;
}

int client_send(struct client *c, void (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx)
{
	const struct sockaddr_nl to = {.nl_family = AF_NETLINK, .nl_pid = c->port};
	const struct nlmsghdr *nlh = (const void *)c->out;

	c->error[0] = '\0';
	if (sendto(c->fd, nlh, nlh->nlmsg_len, 0, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -errno;
	nlh = (const void *)c->in;
	for (;;) {
		ssize_t n = receive(c);

		if (n < 0)
			return (int)n;
		if (!n || !message_fits(nlh, (int)n) || nlh->nlmsg_seq != c->seq)
			continue;
		if (nlh->nlmsg_type == NLMSG_ERROR)
			return take_end(c, nlh);
		if (cb && mnl_nlmsg_get_payload_len(nlh) >= sizeof(struct genlmsghdr))
			cb(nlh, ctx);
	}
}

static void take_status(const struct nlmsghdr *nlh, void *ctx)
{
	struct client_status *s = ctx;
	struct message m;

	const char *bound;

	if (message_parse(nlh, &m))
		return;
	s->agent_pid = message_u32(&m, KPPROF_A_AGENT_PID, 0);
	bound = message_str(&m, KPPROF_A_BOUND);
	snprintf(s->bound, sizeof(s->bound), "%s", bound ? bound : "");
}

int client_status(struct client *c, struct client_status *out)
{
	client_begin(c, KPPROF_CMD_STATUS);
	return client_send(c, take_status, out);
}
