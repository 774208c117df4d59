/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other side of usersock.h: what kpprofctl asks the agent with, or the module when there is
 * none. */
#ifndef KPPROF_CLIENT_H
#define KPPROF_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "message.h"

struct client;

/* The parts of STATUS that are needed for more than printing. */
struct client_status {
	uint32_t agent_pid;
	char bound[1024]; /* the agent's addresses, with blanks between; "" for none */
};

/**
 * client_open_agent() - a socket to the agent
 * @port: usersock_port()
 *
 * Nothing is sent yet, so an agent that is not there is not noticed. Return: 0 or -errno.
 */
int client_open_agent(uint32_t port, struct client **out);

/** client_close() - NULL is allowed */
void client_close(struct client *c);

/** client_begin() - start a message, see genl_begin() */
struct nlmsghdr *client_begin(struct client *c, uint8_t cmd);

/**
 * client_send() - send it, hand each reply to @cb, and wait for the acknowledgement, 2 s at most
 *
 * Answers count only when the kernel says that user 0 sent them.
 *
 * Return: 0; -ECONNREFUSED when nobody has the port; -ETIMEDOUT; -errno of the agent's, with a text
 * in client_error().
 */
int client_send(struct client *c, void (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx);

/** client_error() - text of the last refusal, "" for none */
const char *client_error(const struct client *c);

/** client_status() - ask who it is; 0 or -errno */
int client_status(struct client *c, struct client_status *out);

#endif /* KPPROF_CLIENT_H */
