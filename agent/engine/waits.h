/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Watching how the threads of a target wait, wake each other and make new ones: from the module's
 * scheduler events, or from the kernel's sched: trace events.
 */
#ifndef KPPROF_WAITS_H
#define KPPROF_WAITS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../uapi/kpprof.h"
#include "../locks/locks.h"
#include "members.h"
#include "stack.h"
#include "target.h"

struct engine;
struct wait_backend;
struct wait_flush;
struct wait_watch;

/* What is watched: bits. */
enum {
	WATCH_BLOCK = 1,  /* waits */
	WATCH_MUTEX = 2,  /* who lets waiters go */
	WATCH_CREATE = 4, /* new threads */
};

/**
 * struct wait_event - a wait that is over, or one that goes on, or a part of one
 *
 * A thread that has waited and then been woken waits once more, for a CPU. Both parts are events
 * with the same stack; the second is WAIT_RUNQUEUE with a count of 0, so that a wait is counted
 * once. A thread that was preempted waits for a CPU alone: WAIT_RUNQUEUE with its count. What was
 * before the watch is not in @ns.
 *
 * @pid: process
 * @tid: thread
 * @thread: its name
 * @kind: what it waited for
 * @ns: how long this stands for, after scaling
 * @count: waits that this stands for, after scaling; may be a fraction
 * @open: not over yet
 * @stack: where it waited
 */
struct wait_event {
	pid_t pid;
	pid_t tid;
	const char *thread;
	enum wait_kind kind;
	double ns;
	double count;
	bool open;
	struct stack stack;
};

/**
 * struct release_event - a thread let go of what others waited for
 * @kind: "mutex" or "signal": an unlock, or a condition variable's; static text
 * @ns: time of all threads that were queued, each from its arrival or the release before, after
 *	scaling
 * @count: threads that it let go, after scaling: one for each that it woke, as Go counts; may be a
 *	fraction
 */
struct release_event {
	pid_t pid;
	pid_t tid;
	const char *thread;
	const char *kind;
	double ns;
	double count;
	struct stack stack;
};

/**
 * struct create_event - a thread was made
 * @tid: the new thread
 * @stack: its creator's
 */
struct create_event {
	pid_t pid;
	pid_t tid;
	struct stack stack;
};

/**
 * struct wait_watch - a running watch; storage is the caller's
 * @target: whose threads
 * @what: WATCH_ bits
 * @rate_ns: waits of at least so long are always kept, shorter ones with probability
 *	duration/rate and scaled; 0 or 1 keeps all
 * @kernel: kernel halves of the stacks are wanted
 * @on_wait: may be NULL, as the others
 * @on_release: same
 * @on_create: same
 * @on_exit: a thread is gone
 * @ctx: for the callbacks
 * @lost: out: records that the kernel had no room for
 * @dropped: out: waits without a stack, of which copies would have cost too much; @on_wait has
 *their times, and releases leave them out
 * @busy_ns: out: CPU time in the module's probes meanwhile, for whatever watch; 0 without it
 * @budget: out: what these may cost, in thousandths of a CPU; 0 without the module
 * @rate_now: out: what the rate is made to be in order to keep to that
 * @rate_most: out: the same at its highest
 * @engine: out: what watches
 * @started: out: CLOCK_MONOTONIC ns when the hooks were there
 */
struct wait_watch {
	struct target target;
	unsigned int what;
	uint64_t rate_ns;
	bool kernel;
	void (*on_wait)(void *ctx, const struct wait_event *w);
	void (*on_release)(void *ctx, const struct release_event *r);
	void (*on_create)(void *ctx, const struct create_event *c);
	void (*on_exit)(void *ctx, pid_t pid, pid_t tid);
	void *ctx;

	uint64_t lost;
	uint64_t dropped;
	uint64_t busy_ns;
	uint32_t budget;
	uint64_t rate_now;
	uint64_t rate_most;
	enum kpprof_engine engine;
	uint64_t started;

	/* private to engine/: */
	struct wait_watch *next;
	const struct wait_backend *backend;
	void *priv;
	unsigned int slot;
	struct members members;
	struct wait_flush *flushes;
	unsigned int held;
};

/**
 * wait_watch_start() - begin to watch
 *
 * Return: 0; -EBUSY when there are too many watches; -ESRCH, -ENODEV, -EACCES, -errno as
 * cpu_capture_start().
 */
int wait_watch_start(struct engine *e, struct wait_watch *w);

/**
 * wait_watch_flush() - bring the watch up to now
 * @open: called from the loop for each wait that goes on, with its time so far
 * @end: called once afterwards; everything that happened before the call was delivered by then
 *
 * The watch goes on. Open waits are not counted into what is delivered later: they come whole once
 * they are over. Each call of @open has @ns up to one moment, which is the same for all. Several
 * flushes of one watch may be under way; they end in the order of their calls. The watch may be
 * stopped from @end, not from the other callbacks.
 *
 * Return: 0 or -ENOMEM.
 */
int wait_watch_flush(struct engine *e, struct wait_watch *w,
		     void (*open)(void *ctx, const struct wait_event *we), void (*end)(void *ctx),
		     void *ctx);

/** wait_watch_alive() - whether a process of the target is still there; true for the whole box */
bool wait_watch_alive(const struct wait_watch *w);

/** wait_watch_stop() - end at once; no callback follows */
void wait_watch_stop(struct engine *e, struct wait_watch *w);

#endif /* KPPROF_WAITS_H */
