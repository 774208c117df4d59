// SPDX-License-Identifier: GPL-2.0-or-later
#include "watch.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/genetlink.h>

#include "../base/log.h"
#include "../base/loop.h"
#include "genl.h"
#include "message.h"
#include "module.h"

struct watch {
	struct loop *loop;
	struct loop_fd fd;
	struct mnl_socket *sock;
	uint16_t family;
	void (*listen)(void *ctx, const char *addr, uint32_t lease);
	void *ctx;
	char in[16 << 10];
};

struct kept {
	char addr[KPPROF_ADDR_MAX + 1];
	uint32_t lease;
};

static int take_kept(const struct nlmsghdr *nlh, void *ctx)
{
	struct kept *kept = ctx;
	struct message m;

	if (message_parse(nlh, &m) || !m.attr[KPPROF_A_LISTEN])
		return 0;
	snprintf(kept->addr, sizeof(kept->addr), "%s", message_str(&m, KPPROF_A_LISTEN));
	kept->lease = message_u32(&m, KPPROF_A_LEASE, 0);
	return 0;
}

static int join(struct watch *w, uint32_t group)
{
	int id = (int)group;

	if (mnl_socket_setsockopt(w->sock, NETLINK_ADD_MEMBERSHIP, &id, sizeof(id)) < 0)
		return -errno;
	return 0;
}

/* The module is there, or came: hear what it says, and ask what it keeps. */
static void attach(struct watch *w)
{
	struct kept kept = {0};
	struct genl *g;

	if (genl_open(KPPROF_GENL_NAME, &g))
		return;
	w->family = genl_family(g);
	if (join(w, genl_group(g, KPPROF_GENL_GROUP)))
		log_warning("the module's events cannot be followed");
	genl_begin(g, KPPROF_CMD_STATUS, 0);
	if (!genl_send(g, take_kept, &kept) && *kept.addr)
		w->listen(w->ctx, kept.addr, kept.lease);
	genl_close(g);
}

static int take_family_name(const struct nlattr *a, void *data)
{
	const char **name = data;

	if (mnl_attr_get_type(a) == CTRL_ATTR_FAMILY_NAME &&
	    mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
		*name = mnl_attr_get_str(a);
	return MNL_CB_OK;
}

/* Families that come and go. */
static void heard_controller(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	const char *name = "";

	mnl_attr_parse(nlh, sizeof(*genl), take_family_name, &name);
	if (strcmp(name, KPPROF_GENL_NAME) != 0)
		return;
	if (genl->cmd == CTRL_CMD_NEWFAMILY)
		attach(w);
	else if (genl->cmd == CTRL_CMD_DELFAMILY)
		w->family = 0;
}

static void heard(struct watch *w, const struct nlmsghdr *nlh)
{
	const struct genlmsghdr *genl = mnl_nlmsg_get_payload(nlh);
	struct message m;

	if (mnl_nlmsg_get_payload_len(nlh) < sizeof(*genl))
		return;
	if (nlh->nlmsg_type == GENL_ID_CTRL)
		heard_controller(w, nlh);
	else if (nlh->nlmsg_type == w->family && genl->cmd == KPPROF_CMD_LISTEN &&
		 !message_parse(nlh, &m))
		w->listen(w->ctx, message_str(&m, KPPROF_A_LISTEN),
			  message_u32(&m, KPPROF_A_LEASE, 0));
}

static void receive(struct loop_fd *fd, uint32_t events)
{
	struct watch *w = (struct watch *)((char *)fd - offsetof(struct watch, fd));
	ssize_t n = recv(fd->fd, w->in, sizeof(w->in), MSG_DONTWAIT);
	const struct nlmsghdr *nlh = (const void *)w->in;
	int left = (int)n;

	(void)events;
	for (; n > 0 && message_fits(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		heard(w, nlh);
}

static int join_controller(struct watch *w)
{
	struct genl *g;
	int err = genl_open("nlctrl", &g);

	if (err)
		return err;
	err = join(w, genl_group(g, "notify"));
	genl_close(g);
	return err;
}

int watch_create(struct loop *loop, void (*listen)(void *ctx, const char *addr, uint32_t lease),
		 void *ctx, struct watch **out)
{
	struct watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	*w = (struct watch){.loop = loop, .listen = listen, .ctx = ctx};
	w->fd = (struct loop_fd){.fd = -1, .cb = receive};
	w->sock = mnl_socket_open2(NETLINK_GENERIC, SOCK_CLOEXEC | SOCK_NONBLOCK);
	err = !w->sock || mnl_socket_bind(w->sock, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!err)
		err = join_controller(w);
	if (!err)
		err = loop_add(loop, &w->fd, mnl_socket_get_fd(w->sock), EPOLLIN);
	if (err) {
		watch_destroy(w);
		return err;
	}
	*out = w;
	attach(w);
	return 0;
}

void watch_destroy(struct watch *w)
{
	if (!w)
		return;
	loop_del(w->loop, &w->fd);
	if (w->sock)
		mnl_socket_close(w->sock);
	free(w);
}

void watch_tell(const char *addr, uint32_t lease)
{
	struct nlmsghdr *nlh;
	struct genl *g;

	if (genl_open(KPPROF_GENL_NAME, &g))
		return;
	nlh = genl_begin(g, KPPROF_CMD_LISTEN, 0);
	if (addr)
		mnl_attr_put_strz(nlh, KPPROF_A_LISTEN, addr);
	if (addr && lease)
		mnl_attr_put_u32(nlh, KPPROF_A_LEASE, lease);
	if (genl_send(g, NULL, NULL))
		log_warning("the module does not keep the address: %s", genl_error(g));
	genl_close(g);
}
