/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Attributes of uapi/kpprof.h in messages from others: each checked for its type and its length. */
#ifndef KPPROF_MESSAGE_H
#define KPPROF_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>
#include <libmnl/libmnl.h>

#include "../../uapi/kpprof.h"

/* By number; NULL for those that are not there. */
struct message {
	const struct nlattr *attr[KPPROF_A_MAX + 1];
};

/**
 * message_fits() - whether a whole message is there
 * @nlh: the first of @left bytes
 *
 * As mnl_nlmsg_ok(), which takes a length of more than INT_MAX for a negative one, and agrees.
 */
bool message_fits(const struct nlmsghdr *nlh, int left);

/**
 * message_parse() - look at the attributes behind the genlmsghdr
 * @nlh: a message that message_fits() agreed to
 * @m: out: points into @nlh; of an attribute that is repeated the last
 *
 * Return: 0; -EINVAL when one is not of the type that it must have, or the message is too short.
 * Attributes with numbers that are not known are left out.
 */
int message_parse(const struct nlmsghdr *nlh, struct message *m);

/** message_u32() - a number, or @otherwise when it is not there */
uint32_t message_u32(const struct message *m, unsigned int type, uint32_t otherwise);

/** message_u64() - the same */
uint64_t message_u64(const struct message *m, unsigned int type);

/** message_str() - a string, or NULL */
const char *message_str(const struct message *m, unsigned int type);

struct msghdr;

/** message_from_root() - whether the sender is user 0, as the kernel says with SO_PASSCRED */
bool message_from_root(struct msghdr *msg);

#endif /* KPPROF_MESSAGE_H */
