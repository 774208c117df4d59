/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The governor of the module's probes in allocators. A hit of a probe has a floor of some hundred
 * nanoseconds, and a program can allocate millions of times a second. Where all of that would cost
 * too much, the probes are there for part of the time, in short rounds: what they see stands for
 * the time without them, too. What is live cannot be followed then.
 */
#ifndef KPPROF_HEAP_DUTY_H
#define KPPROF_HEAP_DUTY_H

#include <stdbool.h>
#include <stdint.h>

#include "../base/loop.h"
#include "filter.h"
#include "pace.h"

struct heap_watch;

/**
 * struct heap_duty - the probes of one watch
 * @timer: end of the present part
 * @watch: whose; NULL for a watch that is not looked after
 * @governed: the probes were taken out once
 * @part: what is probed now
 * @pace: what was seen, and what it stands for
 * @cost: share of a CPU that the probes took when they were looked at last
 * @since: when the present part began
 * @round_ns: how long the parts of the present round took
 * @on_ns: time in rounds, all of them
 * @off_ns: and between them
 * @last: counts at the beginning of the part
 */
struct heap_duty {
	struct loop_timer timer;
	struct heap_watch *watch;
	bool governed;
	enum heap_part part;
	struct heap_pace pace;
	double cost;
	uint64_t since;
	uint64_t round_ns;
	uint64_t on_ns;
	uint64_t off_ns;
	struct heap_counts last;
};

/** heap_duty_start() - look after the probes of a watch by the module */
void heap_duty_start(struct heap_watch *w);

/** heap_duty_stop() - end that; no callback follows */
void heap_duty_stop(struct heap_watch *w);

/**
 * heap_duty_round() - let a round come to its end, so that all time is accounted for
 *
 * Return: whether there is one to wait for; heap_watch_round() is called when it has ended.
 */
bool heap_duty_round(struct heap_watch *w);

/** heap_duty_share() - part of the time in which there were probes */
double heap_duty_share(const struct heap_duty *d);

/**
 * heap_duty_off_ns() - how long to be without probes
 * @on_ns: after so long with them
 * @cost: at such a cost, as a share of a CPU
 *
 * Return: nanoseconds.
 */
uint64_t heap_duty_off_ns(uint64_t on_ns, double cost);

#endif /* KPPROF_HEAP_DUTY_H */
