// SPDX-License-Identifier: GPL-2.0-or-later
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../kmod/addr.h"
#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../control/addresses.h"
#include "port.h"

/* Changes of addresses that come within this time are looked at together. */
#define SETTLE_NS (20 * NSEC_PER_MSEC)
/* Without descriptors for another connection, and after a bind that failed. */
#define RETRY_NS (1 * NSEC_PER_SEC)

/**
 * struct listener - see listen.h
 * @owner: of its ports
 * @what: points into @addr
 * @watch: of addresses, for the forms that follow them
 * @settle: a look at the addresses is due
 * @retry: the sockets take no connections until then
 * @logged: a bind that failed was logged, and none was successful since
 */
struct listener {
	struct port_owner owner;
	char *addr;
	struct kpprof_listen what;
	unsigned int allow;
	struct port *ports;
	struct address_watch *watch;
	struct loop_timer settle;
	struct loop_timer retry;
	bool logged;
};

void listen_addr_text(const struct sockaddr_storage *ss, char *out, size_t size)
{
	const struct sockaddr_in *in = (const void *)ss;
	const struct sockaddr_in6 *in6 = (const void *)ss;
	char host[INET6_ADDRSTRLEN] = "", name[IF_NAMESIZE] = "";

	if (ss->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
		snprintf(out, size, "%s:%u", host, ntohs(in->sin_port));
	} else if (ss->ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		if (in6->sin6_scope_id && !if_indextoname(in6->sin6_scope_id, name))
			snprintf(name, sizeof(name), "%u", in6->sin6_scope_id);
		snprintf(out, size, "[%s%s%s]:%u", host, *name ? "%" : "", name,
			 ntohs(in6->sin6_port));
	} else {
		snprintf(out, size, "local");
	}
}

static void starved(struct port_owner *owner)
{
	struct listener *l = (struct listener *)((char *)owner - offsetof(struct listener, owner));

	for (struct port *p = l->ports; p; p = p->next)
		port_pause(p);
	loop_timer_set(l->owner.loop, &l->retry, RETRY_NS);
}

static int add_port(struct listener *l, struct port *p)
{
	int err = port_watch(p);

	if (err) {
		port_free(p);
		return err;
	}
	p->next = l->ports;
	l->ports = p;
	return 0;
}

/* ---- the forms that stand for several addresses */

static struct port *find_port(struct listener *l, const struct port *like)
{
	for (struct port *p = l->ports; p; p = p->next)
		if (p->device == like->device && p->len == like->len &&
		    memcmp(&p->ss, &like->ss, p->len) == 0)
			return p;
	return NULL;
}

static bool is_meant(const struct listener *l, const struct address *a)
{
	if (l->what.kind == KPPROF_LISTEN_INTERFACE &&
	    (strlen(a->ifname) != l->what.name_len ||
	     memcmp(a->ifname, l->what.name, l->what.name_len) != 0))
		return false;
	/* PPROF_ALLOW_PUBLIC is for an address that is named, never for all there are. */
	return !kpprof_addr_refused(a->ipv6, a->bytes, l->allow & ~KPPROF_ALLOW_PUBLIC);
}

static int bind_address(struct listener *l, const struct address *a)
{
	struct port *p = port_new(&l->owner), *there;
	char text[LISTEN_ADDR_TEXT];
	int err;

	if (!p)
		return -ENOMEM;
	port_set_inet(p, a->ipv6, a->bytes, l->what.port, a->ifindex);
	p->device = l->what.kind == KPPROF_LISTEN_INTERFACE ? a->ifindex : a->vrf;
	there = find_port(l, p);
	if (there) {
		there->wanted = true;
		port_free(p);
		return 0;
	}
	listen_addr_text(&p->ss, text, sizeof(text));
	err = port_bind_inet(p);
	if (err) {
		/* EADDRNOTAVAIL: the interface is down, or the address is gone again. */
		if (!l->logged && err != -EADDRNOTAVAIL)
			log_warning("cannot listen on %s: %s", text, strerror(-err));
		l->logged = l->logged || err != -EADDRNOTAVAIL;
		port_free(p);
		return err;
	}
	log_info("listening on %s", text);
	return add_port(l, p);
}

static void close_unwanted(struct listener *l)
{
	struct port **at = &l->ports;
	char text[LISTEN_ADDR_TEXT];

	while (*at) {
		struct port *p = *at;

		if (p->wanted) {
			at = &p->next;
			continue;
		}
		*at = p->next;
		listen_addr_text(&p->ss, text, sizeof(text));
		log_info("no longer listening on %s", text);
		port_free(p);
	}
}

/* Makes the sockets what the box's addresses are now. */
static void follow(struct listener *l)
{
	_cleanup_buf_ struct buf list = {0};
	const struct address *a;
	bool again;
	int err = addresses_list(&list);

	if (err) {
		log_warning("the addresses of the box cannot be listed: %s", strerror(-err));
		loop_timer_set(l->owner.loop, &l->settle, RETRY_NS);
		return;
	}
	for (struct port *p = l->ports; p; p = p->next)
		p->wanted = false;
	again = false;
	a = (const void *)list.data;
	for (size_t i = 0; i < list.len / sizeof(*a); i++) {
		err = is_meant(l, &a[i]) ? bind_address(l, &a[i]) : 0;
		/* An address that is not there will be told of when it comes. */
		again = again || (err && err != -EADDRNOTAVAIL);
	}
	close_unwanted(l);
	l->logged = again;
	if (again)
		loop_timer_set(l->owner.loop, &l->settle, RETRY_NS);
}

static void settled(struct loop_timer *t)
{
	follow((struct listener *)((char *)t - offsetof(struct listener, settle)));
}

static void changed(void *ctx)
{
	struct listener *l = ctx;

	loop_timer_set(l->owner.loop, &l->settle, SETTLE_NS);
}

static void accept_again(struct loop_timer *t)
{
	struct listener *l = (struct listener *)((char *)t - offsetof(struct listener, retry));

	for (struct port *p = l->ports; p; p = p->next)
		if (port_watch(p))
			loop_timer_set(l->owner.loop, t, RETRY_NS);
}

/* ---- one address */

static int find_scope(const struct kpprof_listen *what, uint32_t *index)
{
	char name[IF_NAMESIZE] = "";

	*index = 0;
	if (!what->name_len)
		return 0;
	memcpy(name, what->name, what->name_len);
	*index = if_nametoindex(name);
	return *index ? 0 : -ENODEV;
}

/* The VRF of an address that is named, which cannot be bound without it. */
static uint32_t find_vrf(const struct kpprof_listen *what)
{
	_cleanup_buf_ struct buf list = {0};
	const struct address *a;

	if (addresses_list(&list))
		return 0;
	a = (const void *)list.data;
	for (size_t i = 0; i < list.len / sizeof(*a); i++)
		if (a[i].ipv6 == what->ipv6 && memcmp(a[i].bytes, what->addr, 16) == 0)
			return a[i].vrf;
	return 0;
}

static int open_one(struct listener *l, char *why, size_t size)
{
	struct port *p = port_new(&l->owner);
	uint32_t scope = 0;
	int err;

	if (!p)
		return -ENOMEM;
	if (find_scope(&l->what, &scope)) {
		snprintf(why, size, "there is no such interface");
		port_free(p);
		return -EINVAL;
	}
	port_set_inet(p, l->what.ipv6, l->what.addr, l->what.port, scope);
	p->device = find_vrf(&l->what);
	err = port_bind_inet(p);
	if (err) {
		port_free(p);
		return err;
	}
	return add_port(l, p);
}

static int open_unix(struct listener *l, const struct listen_config *cfg)
{
	struct port *p = port_new(&l->owner);
	int err;

	if (!p)
		return -ENOMEM;
	err = port_bind_unix(p, l->what.name, cfg->unix_mode, cfg->unix_group);
	if (err) {
		port_free(p);
		return err;
	}
	return add_port(l, p);
}

static int open_ports(struct listener *l, const struct listen_config *cfg, char *why, size_t size)
{
	int err;

	if (l->what.kind == KPPROF_LISTEN_ONE)
		return open_one(l, why, size);
	if (l->what.kind == KPPROF_LISTEN_UNIX)
		return open_unix(l, cfg);
	err = address_watch_create(l->owner.loop, changed, l, &l->watch);
	if (!err)
		follow(l);
	return err;
}

int listen_create(struct loop *loop, const struct listen_config *cfg, listen_accepted accepted,
		  void *ctx, char *why, size_t size, struct listener **out)
{
	struct listener *l = calloc(1, sizeof(*l));
	const char *refused;
	int err;

	if (!l)
		return -ENOMEM;
	*l = (struct listener){
		.owner = {.loop = loop, .accepted = accepted, .ctx = ctx, .starved = starved},
		.allow = cfg->allow,
	};
	l->settle.cb = settled;
	l->retry.cb = accept_again;
	l->addr = strdup(cfg->addr);
	refused = l->addr ? kpprof_listen_parse(l->addr, cfg->allow, &l->what) : strerror(ENOMEM);
	*why = '\0';
	if (refused)
		snprintf(why, size, "%s", refused);
	err = refused ? -EINVAL : open_ports(l, cfg, why, size);
	if (err) {
		if (!*why)
			snprintf(why, size, "%s", strerror(-err));
		listen_destroy(l);
		return err;
	}
	*out = l;
	return 0;
}

void listen_destroy(struct listener *l)
{
	if (!l)
		return;
	address_watch_destroy(l->watch);
	loop_timer_clear(l->owner.loop, &l->settle);
	loop_timer_clear(l->owner.loop, &l->retry);
	while (l->ports) {
		struct port *p = l->ports;

		l->ports = p->next;
		port_free(p);
	}
	free(l->addr);
	free(l);
}

unsigned int listen_port(const struct listener *l)
{
	const struct sockaddr_in *in = l->ports ? (const void *)&l->ports->ss : NULL;

	/* sin_port and sin6_port are in the same place. */
	return in && in->sin_family != AF_UNIX ? ntohs(in->sin_port) : l->what.port;
}

void listen_describe(const struct listener *l, struct buf *out)
{
	char text[LISTEN_ADDR_TEXT];

	if (l->what.kind == KPPROF_LISTEN_UNIX) {
		buf_puts(out, l->addr);
		return;
	}
	for (const struct port *p = l->ports; p; p = p->next) {
		listen_addr_text(&p->ss, text, sizeof(text));
		buf_printf(out, "%s%s", text, p->next ? " " : "");
	}
}
