// SPDX-License-Identifier: GPL-2.0-or-later
#include "control.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/genetlink.h>

#include "../base/buf.h"
#include "../base/log.h"
#include "../base/loop.h"
#include "../engine/engine.h"
#include "../profile/armed.h"
#include "arming.h"
#include "client.h"
#include "genl.h"
#include "module.h"
#include "usersock.h"
#include "watch.h"

/*
 * @closing: when the port is closed by itself
 * @open_until: the same on loop_now()'s clock, 0 when it stays open
 */
struct control {
	struct loop *loop;
	struct engine *engine;
	struct control_ops ops;
	struct usersock *sock;
	struct watch *watch;
	struct armed_list *armed;
	struct loop_timer closing;
	uint64_t open_until;
	bool starting;
};

/* ---- STATUS */

static int copy_attr(const struct nlattr *a, void *data)
{
	struct usersock_reply *r = data;

	mnl_attr_put_check(r->nlh, r->room, a->nla_type, mnl_attr_get_payload_len(a),
			   mnl_attr_get_payload(a));
	return MNL_CB_OK;
}

static int copy_attrs(const struct nlmsghdr *nlh, void *ctx)
{
	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), copy_attr, ctx);
	return 0;
}

/* The module's own status, where there is one. */
static void put_module(struct usersock_reply *r, struct genl *g)
{
	genl_begin(g, KPPROF_CMD_STATUS, 0);
	genl_send(g, copy_attrs, r);
}

static void count_capture(void *ctx, const struct cpu_capture *c)
{
	(void)c;
	++*(uint32_t *)ctx;
}

static bool put_port(const struct control *c, struct usersock_reply *r)
{
	_cleanup_buf_ struct buf bound = {0};
	uint64_t now = loop_now();

	if (!c->ops.listening(c->ops.ctx))
		return true;
	c->ops.bound(c->ops.ctx, &bound);
	buf_append(&bound, "", 1);
	if (buf_error(&bound) ||
	    !usersock_put_str(r, KPPROF_A_LISTENING, c->ops.listening(c->ops.ctx)) ||
	    !usersock_put_str(r, KPPROF_A_BOUND, bound.data))
		return false;
	return !c->open_until ||
	       usersock_put_u32(
		       r, KPPROF_A_LISTEN_LEFT,
		       c->open_until > now ? (uint32_t)((c->open_until - now) / NSEC_PER_SEC) : 0);
}

static int do_status(struct control *c, struct usersock_reply *r)
{
	enum kpprof_engine kind = KPPROF_ENGINE_PERF;
	uint32_t captures = 0;
	struct genl *g;
	char why[256] = "";

	g = module_open(why, sizeof(why));
	if (g) {
		kind = KPPROF_ENGINE_MODULE;
		put_module(r, g);
		genl_close(g);
	}
	engine_each_capture(c->engine, count_capture, &captures);
	if (usersock_put_u32(r, KPPROF_A_AGENT_PID, (uint32_t)getpid()) &&
	    usersock_put_str(r, KPPROF_A_AGENT_RELEASE, KPPROF_VERSION) &&
	    usersock_put_u32(r, KPPROF_A_ENGINE, kind) &&
	    usersock_put_str(r, KPPROF_A_REASON, why) && put_port(c, r) &&
	    usersock_put_u32(r, KPPROF_A_CAPTURES, captures))
		return 0;
	return -EMSGSIZE;
}

/* ---- LISTEN */

static void tell_module(const char *addr, uint32_t lease)
{
	if (module_mode() != ENGINE_PERF)
		watch_tell(addr, lease);
}

/* Opens or closes the port. @lease: seconds that it stays open, 0 for the default. */
static int set_port(struct control *c, const char *addr, uint32_t *lease, char *why, size_t size)
{
	int err = c->ops.listen(c->ops.ctx, addr, why, size);

	if (err)
		return err;
	if (!*lease)
		*lease = c->ops.lifetime;
	loop_timer_clear(c->loop, &c->closing);
	c->open_until = 0;
	if (!addr || !*lease)
		return 0;
	c->open_until = loop_now() + *lease * NSEC_PER_SEC;
	loop_timer_set(c->loop, &c->closing, *lease * NSEC_PER_SEC);
	return 0;
}

static void lease_over(struct loop_timer *t)
{
	struct control *c = (struct control *)((char *)t - offsetof(struct control, closing));
	uint32_t none = 0;
	char why[256];

	log_info("the time for which the port was opened is over");
	set_port(c, NULL, &none, why, sizeof(why));
	tell_module(NULL, 0);
}

static int do_listen(struct control *c, const struct message *m, struct usersock_reply *r)
{
	const char *addr = message_str(m, KPPROF_A_LISTEN);
	uint32_t lease = message_u32(m, KPPROF_A_LEASE, 0);
	int err;

	if (addr && !*addr)
		addr = NULL;
	if (lease > LEASE_MAX) {
		snprintf(r->why, sizeof(r->why), "a port stays open for at most %d s, or for good",
			 LEASE_MAX);
		return -EINVAL;
	}
	err = set_port(c, addr, &lease, r->why, sizeof(r->why));
	/* The module keeps it for an agent that is started again. It tells this one, too, which
	 * then has nothing to do. */
	if (!err)
		tell_module(addr, lease);
	return err;
}

static void module_listen(void *ctx, const char *addr, uint32_t lease)
{
	struct control *c = ctx;
	char why[256] = "";

	/* An address that this agent was started with comes before one that was kept. */
	if (c->starting && c->ops.listening(c->ops.ctx))
		return;
	if (set_port(c, addr && *addr ? addr : NULL, &lease, why, sizeof(why)))
		log_error("the module asks to listen on %s: %s", addr ? addr : "nothing", why);
}

static int handle(void *ctx, unsigned int cmd, const struct message *m, struct usersock_reply *r)
{
	struct control *c = ctx;

	switch (cmd) {
	case KPPROF_CMD_STATUS:
		return do_status(c, r);
	case KPPROF_CMD_LISTEN:
		return do_listen(c, m, r);
	case KPPROF_CMD_ARM:
		return arming_arm(c->armed, m, r);
	case KPPROF_CMD_DISARM:
		return arming_disarm(c->armed, m, r);
	case KPPROF_CMD_TARGETS:
		return arming_targets(c->armed, r);
	default:
		snprintf(r->why, sizeof(r->why), "the agent does not know this command");
		return -EOPNOTSUPP;
	}
}

/* Who has the port: netlink ports below the kernel's own are chosen by their owners, so ask. */
static void warn_taken(uint32_t port)
{
	struct client_status status = {0};
	struct client *cl = NULL;

	if (!client_open_agent(port, &cl) && !client_status(cl, &status) && status.agent_pid)
		log_warning("another agent, process %u, answers kpprofctl; this one does not",
			    status.agent_pid);
	else
		log_warning("netlink port %#x is taken: kpprofctl does not reach this agent", port);
	client_close(cl);
}

int control_create(struct loop *loop, struct armed_list *armed, const struct control_ops *ops,
		   struct control **out)
{
	struct control *c = calloc(1, sizeof(*c));
	uint32_t port = usersock_port();
	int err = 0;

	if (!c)
		return -ENOMEM;
	*c = (struct control){.loop = loop, .engine = armed->engine, .ops = *ops, .armed = armed};
	c->closing.cb = lease_over;
	*out = c;
	if (port)
		err = usersock_create(loop, port, handle, c, &c->sock);
	if (err == -EADDRINUSE)
		warn_taken(port);
	else if (err)
		log_warning("kpprofctl does not reach this agent: %s", strerror(-err));
	/* Only the agent that answers does what the module says. */
	c->starting = true;
	if (c->sock && module_mode() != ENGINE_PERF)
		err = watch_create(loop, module_listen, c, &c->watch);
	if (c->sock && err)
		log_debug("generic netlink: %s", strerror(-err));
	c->starting = false;
	return 0;
}

void control_destroy(struct control *c)
{
	if (!c)
		return;
	loop_timer_clear(c->loop, &c->closing);
	watch_destroy(c->watch);
	usersock_destroy(c->sock);
	free(c);
}
