// SPDX-License-Identifier: GPL-2.0-or-later
#include "genl.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

#include "message.h"

enum {
	/* One message: a part of an image is the largest. */
	ROOM = 256 << 10,
	SOCKET_BYTES = 1 << 20,
	GROUPS_MAX = 8,
};

struct group {
	char name[GENL_NAMSIZ];
	uint32_t id;
};

struct genl {
	struct mnl_socket *sock;
	uint16_t family;
	uint32_t version;
	uint32_t seq;
	struct group groups[GROUPS_MAX];
	size_t ngroups;
	char error[256];
	char buf[ROOM];
	char in[32 << 10];
};

uint32_t genl_version(const struct genl *g)
{
	return g->version;
}

uint16_t genl_family(const struct genl *g)
{
	return g->family;
}

uint32_t genl_group(const struct genl *g, const char *name)
{
	for (size_t i = 0; i < g->ngroups; i++)
		if (strcmp(g->groups[i].name, name) == 0)
			return g->groups[i].id;
	return 0;
}

const char *genl_error(const struct genl *g)
{
	return g->error;
}

static struct nlmsghdr *begin(struct genl *g, uint16_t type, uint8_t cmd, uint8_t version,
			      uint16_t flags)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(g->buf);
	struct genlmsghdr *genl;

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
	nlh->nlmsg_seq = ++g->seq;
	genl = mnl_nlmsg_put_extra_header(nlh, sizeof(*genl));
	genl->cmd = cmd;
	genl->version = version;
	return nlh;
}

struct nlmsghdr *genl_begin(struct genl *g, uint8_t cmd, uint16_t flags)
{
	return begin(g, g->family, cmd, (uint8_t)g->version, flags);
}

static int take_message(const struct nlattr *a, void *data)
{
	struct genl *g = data;

	if (mnl_attr_get_type(a) == NLMSGERR_ATTR_MSG &&
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(g->error, sizeof(g->error), "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

/* NLMSG_ERROR: the error, and behind it the message's text (netlink(7), NETLINK_EXT_ACK). */
static int take_error(struct genl *g, const struct nlmsghdr *nlh)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(nlh);
	size_t skip = sizeof(*e);

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*e))
		return -EBADMSG;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(&e->msg);
	if (nlh->nlmsg_flags & NLM_F_ACK_TLVS && mnl_nlmsg_get_payload_len(nlh) > skip)
		mnl_attr_parse(nlh, (unsigned int)skip, take_message, g);
	return e->error;
}

/* One message of an answer; 1 to go on, else the end of it. */
static int take(struct genl *g, const struct nlmsghdr *nlh,
		int (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx)
{
	int err;

	if (nlh->nlmsg_seq != g->seq)
		return 1;
	if (nlh->nlmsg_flags & NLM_F_DUMP_INTR)
		return -EINTR;
	switch (nlh->nlmsg_type) {
	case NLMSG_ERROR:
		return take_error(g, nlh);
	case NLMSG_DONE:
		if (mnl_nlmsg_get_payload_len(nlh) >= sizeof(int))
			return *(const int *)mnl_nlmsg_get_payload(nlh);
		return 0;
	case NLMSG_NOOP:
		return 1;
	}
	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(struct genlmsghdr))
		return -EBADMSG;
	err = cb ? cb(nlh, ctx) : 0;
	return err < 0 ? err : 1;
}

static int receive(struct genl *g, int (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx)
{
	int status = 1;

	while (status == 1) {
		ssize_t n = mnl_socket_recvfrom(g->sock, g->in, sizeof(g->in));
		const struct nlmsghdr *nlh = (const void *)g->in;
		int left = (int)n;

		if (n < 0)
			return -errno;
		for (; status == 1 && message_fits(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
			status = take(g, nlh, cb, ctx);
	}
	return status;
}

/* What is left of an answer that was not read to its end. */
static void flush(struct genl *g)
{
	while (recv(mnl_socket_get_fd(g->sock), g->in, sizeof(g->in), MSG_DONTWAIT) > 0)
		;
}

int genl_send(struct genl *g, int (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx)
{
	const struct nlmsghdr *nlh = (const void *)g->buf;
	int err;

	g->error[0] = '\0';
	if (mnl_socket_sendto(g->sock, nlh, nlh->nlmsg_len) < 0)
		return -errno;
	err = receive(g, cb, ctx);
	if (err)
		flush(g);
	return err;
}

static int take_group_attr(const struct nlattr *a, void *data)
{
	struct group *group = data;

	if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_ID &&
	    mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
		group->id = mnl_attr_get_u32(a);
	if (mnl_attr_get_type(a) == CTRL_ATTR_MCAST_GRP_NAME &&
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		snprintf(group->name, sizeof(group->name), "%s", mnl_attr_get_str(a));
	return MNL_CB_OK;
}

static int take_group(const struct nlattr *a, void *data)
{
	struct genl *g = data;

	if (g->ngroups < GROUPS_MAX)
		mnl_attr_parse_nested(a, take_group_attr, &g->groups[g->ngroups++]);
	return MNL_CB_OK;
}

static int take_family_attr(const struct nlattr *a, void *data)
{
	struct genl *g = data;

	switch (mnl_attr_get_type(a)) {
	case CTRL_ATTR_FAMILY_ID:
		if (mnl_attr_validate(a, MNL_TYPE_U16) >= 0)
			g->family = mnl_attr_get_u16(a);
		break;
	case CTRL_ATTR_VERSION:
		if (mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			g->version = mnl_attr_get_u32(a);
		break;
	case CTRL_ATTR_MCAST_GROUPS:
		mnl_attr_parse_nested(a, take_group, g);
		break;
	}
	return MNL_CB_OK;
}

static int take_family(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_family_attr, ctx);
	return 0;
}

static int find_family(struct genl *g, const char *family)
{
	struct nlmsghdr *nlh = begin(g, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	int err;

	mnl_attr_put_strz(nlh, CTRL_ATTR_FAMILY_NAME, family);
	err = genl_send(g, take_family, g);
	if (!err && !g->family)
		err = -ENOENT;
	return err;
}

static int open_socket(struct genl *g)
{
	int on = 1, size = SOCKET_BYTES, fd;

	g->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC);
	if (!g->sock || mnl_socket_bind(g->sock, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(g->sock);
	/* Older kernels know neither; then there is no text, or more of it. */
	mnl_socket_setsockopt(g->sock, NETLINK_EXT_ACK, &on, sizeof(on));
	mnl_socket_setsockopt(g->sock, NETLINK_CAP_ACK, &on, sizeof(on));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	return 0;
}

int genl_open(const char *family, struct genl **out)
{
	struct genl *g = calloc(1, sizeof(*g));
	int err = g ? open_socket(g) : -ENOMEM;

	if (!err)
		err = find_family(g, family);
	if (err) {
		genl_close(g);
		return err;
	}
	*out = g;
	return 0;
}

void genl_close(struct genl *g)
{
	if (g && g->sock)
		mnl_socket_close(g->sock);
	free(g);
}
