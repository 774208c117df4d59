/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the agent can be told at run time: by kpprofctl, and by the module. */
#ifndef KPPROF_CONTROL_H
#define KPPROF_CONTROL_H

#include <stddef.h>
#include <stdint.h>

struct armed_list;
struct buf;
struct control;
struct loop;

/**
 * struct control_ops - what the agent does
 * @listen: listen on an address, NULL for none; 0, or -errno with a text in @why
 * @listening: the address that is listened on, NULL for none
 * @bound: append what that stands for now
 * @lifetime: seconds after which a port that was opened at run time is closed, when whoever asked
 *	for it did not say; 0 for never
 */
struct control_ops {
	int (*listen)(void *ctx, const char *addr, char *why, size_t size);
	const char *(*listening)(void *ctx);
	void (*bound)(void *ctx, struct buf *out);
	uint32_t lifetime;
	void *ctx;
};

/**
 * control_create() - be told
 * @armed: what ARM and DISARM change
 *
 * When another agent has the port for that, this one cannot be told anything: a warning says who.
 *
 * Return: 0 or -errno.
 */
int control_create(struct loop *loop, struct armed_list *armed, const struct control_ops *ops,
		   struct control **out);

/** control_destroy() - what is armed stays so; NULL is allowed */
void control_destroy(struct control *c);

#endif /* KPPROF_CONTROL_H */
