/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ARM, DISARM and TARGETS of the agent, see uapi/kpprof.h. */
#ifndef KPPROF_ARMING_H
#define KPPROF_ARMING_H

#include <stddef.h>
#include <stdint.h>

#include "../profile/armed.h"

struct message;
struct usersock_reply;

/** arming_arm() - ARM: all kinds that are named, or none; 0 or -errno with a text in @r */
int arming_arm(struct armed_list *l, const struct message *m, struct usersock_reply *r);

/** arming_disarm() - DISARM; -ENOENT when what is named is not armed */
int arming_disarm(struct armed_list *l, const struct message *m, struct usersock_reply *r);

/** arming_targets() - TARGETS: captures that run, and what is armed */
int arming_targets(struct armed_list *l, struct usersock_reply *r);

/**
 * arming_kinds() - arm kinds for one target, all or none
 * @kinds: bits 1 << kind
 * @spec: target, rate and so on; @spec.kind is set here
 * @lease: seconds; NULL for what is usual for each kind
 * @why: out: text of a refusal
 */
int arming_kinds(struct armed_list *l, uint32_t kinds, const struct armed_spec *spec,
		 enum kpprof_armed_by by, const uint32_t *lease, char *why, size_t size);

#endif /* KPPROF_ARMING_H */
