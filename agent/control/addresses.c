// SPDX-License-Identifier: GPL-2.0-or-later
#include "addresses.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "../base/cleanup.h"
#include "../base/loop.h"

/* A dump that was disturbed by a change is asked for again, so often. */
enum { DUMP_TRIES = 8, MESSAGE_BYTES = 32 << 10 };

/* An interface: the part that addresses need. */
struct link {
	uint32_t index;
	uint32_t master;
	bool is_vrf;
	char name[IF_NAMESIZE];
};

/* What a dump collects into. */
struct listing {
	struct buf links;
	struct buf addresses;
};

static int take_kind(const struct nlattr *a, void *data)
{
	struct link *l = data;

	if (mnl_attr_get_type(a) == IFLA_INFO_KIND && mnl_attr_validate(a, MNL_TYPE_STRING) >= 0)
		l->is_vrf = strncmp(mnl_attr_get_str(a), "vrf", 4) == 0;
	return MNL_CB_OK;
}

static int take_link_attr(const struct nlattr *a, void *data)
{
	struct link *l = data;

	switch (mnl_attr_get_type(a)) {
	case IFLA_IFNAME:
		if (mnl_attr_validate(a, MNL_TYPE_NUL_STRING) >= 0)
			strncpy(l->name, mnl_attr_get_str(a), sizeof(l->name) - 1);
		break;
	case IFLA_MASTER:
		if (mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			l->master = mnl_attr_get_u32(a);
		break;
	case IFLA_LINKINFO:
		if (mnl_attr_validate(a, MNL_TYPE_NESTED) >= 0)
			mnl_attr_parse_nested(a, take_kind, l);
		break;
	}
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	struct listing *out = ctx;
	struct link l = {0};

	if (nlh->nlmsg_type != RTM_NEWLINK || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info))
		return MNL_CB_OK;
	l.index = (uint32_t)info->ifi_index;
	mnl_attr_parse(nlh, sizeof(*info), take_link_attr, &l);
	buf_append(&out->links, &l, sizeof(l));
	return MNL_CB_OK;
}

/* IFA_LOCAL is the box's own one, where it differs from the other end's. */
struct address_attrs {
	const struct nlattr *local;
	const struct nlattr *address;
	uint32_t flags;
};

static int take_address_attr(const struct nlattr *a, void *data)
{
	struct address_attrs *attrs = data;

	switch (mnl_attr_get_type(a)) {
	case IFA_LOCAL:
		attrs->local = a;
		break;
	case IFA_ADDRESS:
		attrs->address = a;
		break;
	case IFA_FLAGS:
		if (mnl_attr_validate(a, MNL_TYPE_U32) >= 0)
			attrs->flags = mnl_attr_get_u32(a);
		break;
	}
	return MNL_CB_OK;
}

static bool can_be_bound(uint32_t flags)
{
	return !(flags & IFA_F_DADFAILED) &&
	       (!(flags & IFA_F_TENTATIVE) || flags & IFA_F_OPTIMISTIC);
}

static int take_address(const struct nlmsghdr *nlh, void *ctx)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
	struct listing *out = ctx;
	struct address_attrs attrs = {0};
	struct address a = {0};
	size_t len;

	if (nlh->nlmsg_type != RTM_NEWADDR || mnl_nlmsg_get_payload_len(nlh) < sizeof(*info) ||
	    (info->ifa_family != AF_INET && info->ifa_family != AF_INET6))
		return MNL_CB_OK;
	attrs.flags = info->ifa_flags;
	mnl_attr_parse(nlh, sizeof(*info), take_address_attr, &attrs);
	if (!attrs.local)
		attrs.local = attrs.address;
	a.ipv6 = info->ifa_family == AF_INET6;
	a.ifindex = info->ifa_index;
	len = a.ipv6 ? 16 : 4;
	if (!attrs.local || mnl_attr_get_payload_len(attrs.local) != len ||
	    !can_be_bound(attrs.flags))
		return MNL_CB_OK;
	memcpy(a.bytes, mnl_attr_get_payload(attrs.local), len);
	buf_append(&out->addresses, &a, sizeof(a));
	return MNL_CB_OK;
}

static int send_dump(struct mnl_socket *sock, uint16_t type, unsigned int seq)
{
	_Alignas(struct nlmsghdr) char out[MNL_NLMSG_HDRLEN + sizeof(struct ifinfomsg)] = {0};
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(out);

	nlh->nlmsg_type = type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	/* AF_UNSPEC: of each family. */
	if (type == RTM_GETLINK)
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifinfomsg));
	else
		mnl_nlmsg_put_extra_header(nlh, sizeof(struct ifaddrmsg));
	return mnl_socket_sendto(sock, nlh, nlh->nlmsg_len) < 0 ? -errno : 0;
}

/* -EINTR: something changed meanwhile, and the list is none. */
static int dump(struct mnl_socket *sock, uint16_t type, unsigned int seq, mnl_cb_t cb,
		struct listing *out)
{
	_cleanup_free_ char *in = malloc(MESSAGE_BYTES);
	int err = in ? send_dump(sock, type, seq) : -ENOMEM, more = MNL_CB_OK;

	while (!err && more > MNL_CB_STOP) {
		ssize_t n = mnl_socket_recvfrom(sock, in, MESSAGE_BYTES);

		if (n < 0)
			return -errno;
		more = mnl_cb_run(in, (size_t)n, seq, mnl_socket_get_portid(sock), cb, out);
		if (more < 0)
			err = -errno;
	}
	return err;
}

static const struct link *find_link(const struct listing *all, uint32_t index)
{
	const struct link *l = (const void *)all->links.data;
	size_t n = all->links.len / sizeof(*l);

	for (size_t i = 0; index && i < n; i++)
		if (l[i].index == index)
			return &l[i];
	return NULL;
}

static void add_links(struct listing *all)
{
	struct address *a = (void *)all->addresses.data;
	size_t n = all->addresses.len / sizeof(*a);

	for (size_t i = 0; i < n; i++) {
		const struct link *l = find_link(all, a[i].ifindex);
		const struct link *master = l ? find_link(all, l->master) : NULL;

		if (!l)
			continue;
		memcpy(a[i].ifname, l->name, sizeof(a[i].ifname));
		if (l->is_vrf)
			a[i].vrf = l->index;
		else if (master && master->is_vrf)
			a[i].vrf = master->index;
	}
}

static void listing_deinit(struct listing *l)
{
	buf_deinit(&l->links);
	buf_deinit(&l->addresses);
}

static int list_once(unsigned int seq, struct buf *out)
{
	_cleanup_(listing_deinit) struct listing all = {0};
	struct mnl_socket *sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	int err;

	if (!sock)
		return -errno;
	err = mnl_socket_bind(sock, 0, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!err)
		err = dump(sock, RTM_GETLINK, seq, take_link, &all);
	if (!err)
		err = dump(sock, RTM_GETADDR, seq + 1, take_address, &all);
	mnl_socket_close(sock);
	if (!err)
		err = buf_error(&all.links) ? buf_error(&all.links) : buf_error(&all.addresses);
	if (err)
		return err;
	add_links(&all);
	buf_append(out, all.addresses.data, all.addresses.len);
	return buf_error(out);
}

int addresses_list(struct buf *out)
{
	int err = -EINTR;

	for (unsigned int i = 0; i < DUMP_TRIES && err == -EINTR; i++)
		err = list_once(2 * i + 1, out);
	return err;
}

/* ---- changes */

struct address_watch {
	struct loop *loop;
	struct loop_fd fd;
	struct mnl_socket *sock;
	void (*changed)(void *ctx);
	void *ctx;
};

static void receive(struct loop_fd *fd, uint32_t events)
{
	struct address_watch *w =
		(struct address_watch *)((char *)fd - offsetof(struct address_watch, fd));
	_Alignas(struct nlmsghdr) char in[4096];

	(void)events;
	/* What it says is not looked at, and messages that were dropped are no less a change. */
	while (recv(fd->fd, in, sizeof(in), MSG_DONTWAIT) >= 0 || errno == ENOBUFS)
		;
	w->changed(w->ctx);
}

int address_watch_create(struct loop *loop, void (*changed)(void *ctx), void *ctx,
			 struct address_watch **out)
{
	const unsigned int groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
	struct address_watch *w = calloc(1, sizeof(*w));
	int err;

	if (!w)
		return -ENOMEM;
	*w = (struct address_watch){.loop = loop, .changed = changed, .ctx = ctx};
	w->fd = (struct loop_fd){.fd = -1, .cb = receive};
	w->sock = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	err = !w->sock || mnl_socket_bind(w->sock, groups, MNL_SOCKET_AUTOPID) < 0 ? -errno : 0;
	if (!err)
		err = loop_add(loop, &w->fd, mnl_socket_get_fd(w->sock), EPOLLIN);
	if (err) {
		address_watch_destroy(w);
		return err;
	}
	*out = w;
	return 0;
}

void address_watch_destroy(struct address_watch *w)
{
	if (!w)
		return;
	loop_del(w->loop, &w->fd);
	if (w->sock)
		mnl_socket_close(w->sock);
	free(w);
}
