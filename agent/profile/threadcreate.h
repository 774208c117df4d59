/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/threadcreate: who makes threads. */
#ifndef KPPROF_THREADCREATE_H
#define KPPROF_THREADCREATE_H

#include "cumulative.h"

extern const struct cumulative_kind threadcreate_profile;

/**
 * threadcreate_serve() - answer with the threads of a target, by the stack of who made them
 *
 * Those that were there before are under [created before capture]; so without ?seconds= the total
 * is the number of threads, alive and exited since.
 */
void threadcreate_serve(struct armed_list *l, struct http_request *req,
			const struct target *target);

/**
 * threadcreate_creator() - the stack that made a thread, if a profile that is armed has seen it
 * @l: what is armed
 * @pid: the thread's process
 * @tid: thread
 * @to: makes the locations
 * @out: FRAMES_MAX locations, leaf first
 *
 * Return: how many; 0 when its creator is not known; -ENOMEM.
 */
int64_t threadcreate_creator(const struct armed_list *l, pid_t pid, pid_t tid, struct places *to,
			     uint32_t *out);

#endif /* KPPROF_THREADCREATE_H */
