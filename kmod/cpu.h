/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The CPU engine: arms, each with one perf counter for each CPU, and the interrupt that takes a
 * sample: filter, walk, trace event.
 *
 * Context: all functions sleep and are called with kpprof_lock held, but where they say otherwise.
 */
#ifndef KPPROF_CPU_H
#define KPPROF_CPU_H

#include <linux/types.h>

#include "../uapi/kpprof.h"

struct netlink_ext_ack;

/**
 * kpprof_arm_open() - make sure that an arm counts
 * @id: less than KPPROF_ARMS_MAX
 * @hz: samples per second and CPU
 * @clock: what to count, for a new arm; the kernel's clock is taken when cycles cannot be had
 *
 * Return: 0; -EINVAL for an arm of another rate; -errno of perf events; with a text.
 */
int kpprof_arm_open(unsigned int id, u32 hz, enum kpprof_clock clock,
		    struct netlink_ext_ack *extack);

/** kpprof_arm_box() - an arm that exists samples all processes from now on */
void kpprof_arm_box(unsigned int id);

/** kpprof_arm_close() - end an arm; its counters are gone on return. -ENOENT */
int kpprof_arm_close(unsigned int id);

/** kpprof_arm_exists() - whether there is such an arm */
bool kpprof_arm_exists(unsigned int id);

/** kpprof_arm_clock() - what it counts */
enum kpprof_clock kpprof_arm_clock(unsigned int id);

/** kpprof_arm_cpus() - counters that it has */
u32 kpprof_arm_cpus(unsigned int id);

/** kpprof_arm_count() - arms that exist. Context: any */
u32 kpprof_arm_count(void);

/** kpprof_counters_count() - counters of all arms. Context: any */
u32 kpprof_counters_count(void);

/**
 * kpprof_cpu_changed() - a CPU came online, or goes
 *
 * Context: CPU hotplug, kpprof_lock not held. kpprof_cpu_sync() is to follow.
 */
void kpprof_cpu_changed(unsigned int cpu, bool online);

/** kpprof_cpu_sync() - give each arm a counter on each CPU that is online, and take away others */
void kpprof_cpu_sync(void);

#endif /* KPPROF_CPU_H */
