/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's own netlink socket, which kpprofctl talks to: NETLINK_USERSOCK carries messages from
 * one process to another, with credentials that the kernel vouches for. See uapi/kpprof.h.
 */
#ifndef KPPROF_USERSOCK_H
#define KPPROF_USERSOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "message.h"

struct loop;
struct usersock;

/**
 * struct usersock_reply - what goes back to the sender; filled by the handler
 * @nlh: put attributes here, with mnl_attr_put_*_check() and @room
 * @room: of the message
 * @why: text of a refusal
 */
struct usersock_reply {
	struct nlmsghdr *nlh;
	size_t room;
	char why[256];
	struct usersock *sock;
};

/**
 * typedef usersock_handler - a message from user 0
 * @cmd: command
 * @m: its attributes, checked
 * @reply: sent when it has attributes and 0 is returned; usersock_next() sends it and begins
 * another
 *
 * Return: 0 or -errno.
 */
typedef int (*usersock_handler)(void *ctx, unsigned int cmd, const struct message *m,
				struct usersock_reply *reply);

/**
 * usersock_create() - be reachable
 * @port: KPPROF_USERSOCK_PORT, or another for tests
 *
 * Return: 0; -EADDRINUSE when another process has the port; -errno.
 */
int usersock_create(struct loop *loop, uint32_t port, usersock_handler handler, void *ctx,
		    struct usersock **out);

/** usersock_destroy() - NULL is allowed */
void usersock_destroy(struct usersock *s);

/** usersock_next() - one message of several is complete */
void usersock_next(struct usersock_reply *reply);

/** usersock_put_str() - an attribute of the reply; "" and NULL are left out. False without room */
bool usersock_put_str(struct usersock_reply *r, uint16_t type, const char *text);

/** usersock_put_u32() - the same for a number */
bool usersock_put_u32(struct usersock_reply *r, uint16_t type, uint32_t value);

/** usersock_put_u64() - the same for a number of 64 bits */
bool usersock_put_u64(struct usersock_reply *r, uint16_t type, uint64_t value);

/** usersock_put_flag() - the same for a flag, which is put when @set */
bool usersock_put_flag(struct usersock_reply *r, uint16_t type, bool set);

/**
 * usersock_port() - the port that PPROF_CONTROL in the environment says
 *
 * Return: the port; 0 for "off"; KPPROF_USERSOCK_PORT when it is not set or no number.
 */
uint32_t usersock_port(void);

#endif /* KPPROF_USERSOCK_H */
