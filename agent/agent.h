/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The daemon without its command line: engine, server, and which request goes where. */
#ifndef KPPROF_AGENT_H
#define KPPROF_AGENT_H

#include <stdint.h>

#include "engine/target.h"
#include "settings.h"

struct agent;
struct loop;

/**
 * struct agent_config - how the agent runs
 * @addr: where to listen, NULL for nowhere
 * @target: what /debug/pprof/ without a target is about
 * @arm: kinds of profile (bits 1 << enum kpprof_kind) that are armed for @target from the start,
 *	without a lease
 * @settings: who may do what, and how much
 */
struct agent_config {
	const char *addr;
	struct target target;
	uint32_t arm;
	struct settings settings;
};

/**
 * agent_create() - an agent on a loop; it listens when @cfg has an address
 *
 * Return: 0, or -errno; why an address was refused is logged.
 */
int agent_create(struct loop *loop, const struct agent_config *cfg, struct agent **out);

/** agent_destroy() - end all captures, close all connections, free everything */
void agent_destroy(struct agent *a);

#endif /* KPPROF_AGENT_H */
