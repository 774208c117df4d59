/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is armed: a kind of profile that is being counted for a target, from a first request or from
 * kpprofctl on, until its lease runs out. One list for all kinds, so that what is said to be armed
 * is what is.
 */
#ifndef KPPROF_ARMED_H
#define KPPROF_ARMED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../../uapi/kpprof.h"
#include "../base/loop.h"
#include "../engine/target.h"

struct armed;
struct engine;

/* Seconds of a lease; things that are armed at once. */
enum { LEASE_DEFAULT = 600, LEASE_MAX = 7 * 24 * 3600, ARMED_MAX = 64 };

/* No lease: armed until it is disarmed. */
enum { LEASE_NONE = 0 };

/* All zero, but for @engine, is an empty one. */
struct armed_list {
	struct engine *engine;
	struct armed *first;
};

/**
 * struct armed_spec - what is to be armed, and how
 * @kind: one of armed_kinds
 * @target: whose
 * @rate: in the kind's unit
 * @kernel: kernel halves of stacks
 * @any_rate: nothing was said about the rate: what is armed with another one will do
 * @any_kernel: the same for @kernel
 */
struct armed_spec {
	const struct armed_kind *kind;
	struct target target;
	uint64_t rate;
	bool kernel;
	bool any_rate;
	bool any_kernel;
};

/**
 * struct armed_cost - what it has cost so far
 * @events: events that were counted
 * @lost: records that the kernel had no room for
 * @dropped: events that were left out for what they would have cost
 * @cpu_ns: CPU time, where @cpu_known
 */
struct armed_cost {
	uint64_t events;
	uint64_t lost;
	uint64_t dropped;
	uint64_t cpu_ns;
	bool cpu_known;
};

/**
 * struct armed_kind - a kind of profile
 * @id: its number
 * @name: as in the path of a request
 * @rate_unit: "Hz", "ns", "bytes"; NULL when it has no rate
 * @rate_min: of @rate_unit
 * @rate_max: same
 * @rate_default: same
 * @lease_default: seconds, of kpprofctl and PPROF_ARM; LEASE_NONE for none
 * @create: arm: hooks are there when it returns; the caller fills the fields of struct armed
 * @destroy: disarm: hooks are gone when it returns; frees it
 * @cost: out: what it has cost
 * @look: see whether the target is still there, and set @exited of struct armed if it is not; NULL
 *	when that is known at any time
 */
struct armed_kind {
	enum kpprof_kind id;
	const char *name;
	const char *rate_unit;
	uint64_t rate_min;
	uint64_t rate_max;
	uint64_t rate_default;
	uint32_t lease_default;
	int (*create)(const struct armed_kind *kind, struct armed_list *l,
		      const struct armed_spec *spec, struct armed **out);
	void (*destroy)(struct armed *a);
	void (*cost)(const struct armed *a, struct armed_cost *out);
	void (*look)(struct armed *a);
};

/**
 * struct armed - one thing that is armed; embedded, as first, in what the kind makes
 * @spec: what was asked for; its rate is the one that is used
 * @by: who armed it
 * @engine: what it uses; kept by the kind
 * @since: loop_now() when it was armed
 * @until: end of its lease, 0 for none
 * @exited: the target is gone; what was counted is kept until the lease ends
 */
struct armed {
	struct armed *next;
	struct armed_list *list;
	struct armed_spec spec;
	enum kpprof_armed_by by;
	enum kpprof_engine engine;
	uint64_t since;
	uint64_t until;
	struct loop_timer timer;
	bool exited;
};

/* All kinds, NULL behind the last one. */
extern const struct armed_kind *const armed_kinds[];

/** armed_kind_named() - the kind of that name (@len bytes), or NULL */
const struct armed_kind *armed_kind_named(const char *name, size_t len);

/** armed_kinds_parse() - kinds by names, with commas between: bits 1 << kind; 0 for a wrong one */
uint32_t armed_kinds_parse(const char *names);

/** armed_find() - what serves @spec, or NULL; what suits it best if several do */
struct armed *armed_find(const struct armed_list *l, const struct armed_spec *spec);

/**
 * armed_start() - arm, or give what is armed already a new lease
 * @by: who asks; kpprofctl and PPROF_ARM come before a request
 * @lease: seconds, LEASE_NONE for none; a lease is never made shorter
 * @out: what is armed; may be NULL
 *
 * Return: 0; -ESRCH when the target has exited since it was armed; -ENOSPC over ARMED_MAX; -errno
 * of the kind.
 */
int armed_start(struct armed_list *l, const struct armed_spec *spec, enum kpprof_armed_by by,
		uint32_t lease, struct armed **out);

/** armed_forget() - end what is armed for a process that has gone, if another one has its number
 * now
 */
void armed_forget(struct armed_list *l, const struct armed_spec *spec);

/** armed_renew() - a lease of so many seconds from now on, if that is longer than what it has */
void armed_renew(struct armed *a, uint32_t lease);

/** armed_end() - disarm it and take it off the list */
void armed_end(struct armed *a);

/**
 * armed_stop() - disarm
 * @kinds: bits 1 << kind, 0 for all
 * @target: NULL for all
 *
 * Return: how many.
 */
unsigned int armed_stop(struct armed_list *l, uint32_t kinds, const struct target *target);

/** armed_lease() - seconds that are left; -1 for no lease */
int64_t armed_lease(const struct armed *a);

/** armed_by_text() - "kpprofctl", "PPROF_ARM", "a request" */
const char *armed_by_text(enum kpprof_armed_by by);

#endif /* KPPROF_ARMED_H */
