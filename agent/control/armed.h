/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What kpprofctl arms: sampling without a profile, for whoever reads the trace events, until its
 * lease runs out.
 */
#ifndef KPPROF_ARMED_H
#define KPPROF_ARMED_H

#include <stddef.h>
#include <stdint.h>

#include "../engine/engine.h"

enum { LEASE_DEFAULT = 600, LEASE_MAX = 7 * 24 * 3600, ARMED_MAX = 64 };

/* All zero, but for @engine, is none. */
struct armed_list {
	struct engine *engine;
	struct armed *first;
};

/**
 * armed_start() - sample a target, or give what is armed already a new lease
 * @lease: seconds
 * @why: out: text of a refusal
 *
 * Return: 0; -EINVAL for a rate or a lease out of range; -ENOSPC over ARMED_MAX; errors of
 * cpu_capture_start().
 */
int armed_start(struct armed_list *l, const struct target *target, uint32_t hz, uint32_t lease,
		char *why, size_t size);

/** armed_stop() - end what is armed for a target, NULL for all; -ENOENT when there was none */
int armed_stop(struct armed_list *l, const struct target *target);

/** armed_lease() - seconds that are left of a capture's lease; -1 when it is none of these */
int64_t armed_lease(const struct armed_list *l, const struct cpu_capture *c);

#endif /* KPPROF_ARMED_H */
