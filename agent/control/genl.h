/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Requests to a generic netlink family of the kernel, over libmnl. One socket, one request at a
 * time; the kernel answers within the call, so nothing here waits.
 */
#ifndef KPPROF_GENL_H
#define KPPROF_GENL_H

#include <stdint.h>
#include <libmnl/libmnl.h>

struct genl;

/**
 * genl_open() - open a socket and find the family
 * @family: its name; looking it up lets the kernel load the module that has the alias, where that
 *	is allowed
 * @out: the socket
 *
 * Return: 0; -ENOENT when there is no such family; -errno of socket(2).
 */
int genl_open(const char *family, struct genl **out);

/** genl_close() - close and free; NULL is allowed */
void genl_close(struct genl *g);

/** genl_version() - the family's version */
uint32_t genl_version(const struct genl *g);

/** genl_family() - the family's number, the type of its messages */
uint16_t genl_family(const struct genl *g);

/**
 * genl_group() - the number of a multicast group of the family, for NETLINK_ADD_MEMBERSHIP; 0 for
 * none
 */
uint32_t genl_group(const struct genl *g, const char *name);

/**
 * genl_begin() - start a message
 * @cmd: command
 * @flags: NLM_F_DUMP or 0; NLM_F_REQUEST and NLM_F_ACK are set
 *
 * Return: the message, in a buffer of the socket's; attributes are put with mnl_attr_put_*();
 * it holds 256 KiB.
 */
struct nlmsghdr *genl_begin(struct genl *g, uint8_t cmd, uint16_t flags);

/**
 * genl_send() - send the message, hand each reply to @cb, and wait for the acknowledgement
 * @g: socket, with a message from genl_begin()
 * @cb: gets each reply with its genlmsghdr; may be NULL; a negative return ends with it
 * @ctx: for @cb
 *
 * Return: 0 or -errno; genl_error() then has the kernel's text.
 */
int genl_send(struct genl *g, int (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx);

/** genl_error() - text of the last refusal, "" when there was none; valid until the next call */
const char *genl_error(const struct genl *g);

#endif /* KPPROF_GENL_H */
