/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The governor of the module's probes in allocators. A hit of a probe has a floor of some hundred
 * nanoseconds, and a program can allocate millions of times a second. Where all of that would cost
 * too much, the probes are there for part of the time: what they see stands for the time without
 * them, too. What is live cannot be followed then.
 */
#ifndef KPPROF_HEAP_DUTY_H
#define KPPROF_HEAP_DUTY_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "filter.h"

struct heap_watch;

/**
 * struct heap_duty - the probes of one watch
 *
 * A program that is busy gets less done while it is probed. What it gets done goes with the time
 * that it runs its own code, which is user time, and a probe is system time: so user time is what
 * samples stand for.
 *
 * @timer: end of the present phase
 * @watch: whose; NULL for a watch that is not looked after
 * @governed: the probes were taken out once
 * @off: no probes now
 * @scale: what each allocation of the present phase stands for
 * @cost: share of a CPU that the probes took when they were looked at last
 * @since: when the phase began
 * @on_ns: time with probes
 * @off_ns: and without
 * @user: ticks of user time since the start, up to this phase
 * @user_on: of these, with probes
 * @told_ns: time with probes, each phase times what its samples stand for
 * @last: counts at the beginning of the phase
 */
struct heap_duty {
	struct loop_timer timer;
	struct heap_watch *watch;
	bool governed;
	bool off;
	double scale;
	double cost;
	uint64_t since;
	uint64_t on_ns;
	uint64_t off_ns;
	double user;
	double user_on;
	double told_ns;
	struct heap_counts last;
};

/** heap_duty_start() - look after the probes of a watch by the module */
void heap_duty_start(struct heap_watch *w);

/** heap_duty_stop() - end that; no callback follows */
void heap_duty_stop(struct heap_watch *w);

/**
 * heap_duty_round() - let a phase with probes come to its end, so that all time is accounted for
 *
 * Return: nanoseconds until then; 0 when there is nothing to wait for.
 */
uint64_t heap_duty_round(struct heap_watch *w);

/** heap_duty_share() - part of the time in which there were probes */
double heap_duty_share(const struct heap_duty *d);

/**
 * heap_duty_off_ns() - how long to be without probes
 * @on_ns: after so long with them
 * @cost: at such a cost, as a share of a CPU
 *
 * Return: nanoseconds, 0 for going on.
 */
uint64_t heap_duty_off_ns(uint64_t on_ns, double cost);

/**
 * heap_duty_scale() - what an allocation of the next phase with probes is to stand for
 * @d: at the end of a phase without
 *
 * All user time that no sample has stood for yet. Phases with probes are alike, and their user time
 * is a few ticks each: what is known of all of them is taken for each, and as more becomes known
 * what was told too little before is told now.
 */
double heap_duty_scale(const struct heap_duty *d);

#endif /* KPPROF_HEAP_DUTY_H */
