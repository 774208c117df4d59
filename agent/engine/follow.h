/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keeps the module's idea of the processes' mappings up to date: sends them when a process is first
 * sampled, when they change, and when rows that they waited for have come.
 */
#ifndef KPPROF_FOLLOW_H
#define KPPROF_FOLLOW_H

#include <stdbool.h>

#include "../base/loop.h"

struct image;
struct kmod;
struct process;
struct processes;
struct record_sample;

/**
 * struct follow - storage is the caller's; the first three fields too
 * @loop: for the timer
 * @processes: all of them
 * @kmod: the module, NULL while it is not used: then nothing is done
 * @timer: several changes are sent together
 */
struct follow {
	struct loop *loop;
	struct processes *processes;
	struct kmod *kmod;
	struct loop_timer timer;
};

/** follow_init() - nothing is followed; @f->kmod is set later */
void follow_init(struct follow *f, struct loop *loop, struct processes *processes);

/** follow_stop() - forget that anything was sent: the module is disarmed or gone */
void follow_stop(struct follow *f);

/** follow_process() - the module is to have the mappings of @p; they are sent at once */
void follow_process(struct follow *f, struct process *p);

/** follow_changed() - mappings of @p may have changed; NULL is allowed */
void follow_changed(struct follow *f, struct process *p);

/** follow_rows() - the rows of an image have come, or will not */
void follow_rows(struct follow *f);

/**
 * follow_sample() - learn from a sample of @p what the module lacks
 *
 * Return: whether the frames that the module found can be believed: false when they were walked
 * with mappings that had been replaced by the time of the sample.
 */
bool follow_sample(struct follow *f, struct process *p, const struct record_sample *s);

#endif /* KPPROF_FOLLOW_H */
