/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump with names: what goroutine.c writes as a profile and goroutine_text.c as text. */
#ifndef KPPROF_REPORT_H
#define KPPROF_REPORT_H

#include <stdint.h>

#include "../base/hash.h"
#include "model.h"
#include "places.h"

struct armed_list;
struct dump;
struct dump_thread;
struct locks;

/* Processes besides the target's that may be needed for the verdict. */
enum { REPORT_OTHERS_MAX = 16 };

/**
 * struct report_stack - where the stack of a thread is among report.stacks
 * @kernel: its kernel frames that are known by name only
 * @user: all others: addresses of the kernel, then those of the user, then how it ended
 * @creator: what made the thread; the empty stack when that is not known
 */
struct report_stack {
	uint32_t kernel;
	uint32_t user;
	uint32_t creator;
};

/**
 * struct report - a dump on its way to the client
 * @dump: the threads; owned
 * @others: dumps of processes that hold what these wait for; owned
 * @nothers: how many
 * @all: struct dump_thread: those of all dumps; empty while there is only one
 * @locks: why they wait; owned; NULL when it is not known
 * @profile: locations of all frames, named when the report is written; no samples until
 *	report_samples()
 * @places: of @profile
 * @stacks: keys: uint32_t locations, leaf first; number 0 is the empty stack
 * @of: struct report_stack of each thread
 */
struct report {
	struct dump *dump;
	struct dump *others[REPORT_OTHERS_MAX];
	unsigned int nothers;
	struct buf all;
	struct locks *locks;
	struct profile profile;
	struct places places;
	struct intern stacks;
	struct buf of;
};

/** report_init() - an empty report; 0 or -ENOMEM */
int report_init(struct report *r);

/** report_deinit() - free all, the dump too */
void report_deinit(struct report *r);

/** report_threads() - the threads of all dumps, @n of them, those of @r->dump first */
const struct dump_thread *report_threads(const struct report *r, size_t *n);

/** report_locks() - find out why all these threads wait; 0 or -ENOMEM */
int report_locks(struct report *r);

/**
 * report_locate() - locations of the stacks of all dumps
 * @armed: where threadcreate may know who made a thread; NULL: that is not wanted
 *
 * Return: 0 or -ENOMEM.
 */
int report_locate(struct report *r, const struct armed_list *armed);

/**
 * report_samples() - a sample for each thread
 * @grouped: without what tells threads apart: those in the same place become one sample
 *
 * Return: 0 or -ENOMEM.
 */
int report_samples(struct report *r, bool grouped);

/** report_stack() - the locations of a stack, @n of them */
const uint32_t *report_stack(const struct report *r, uint32_t stack, size_t *n);

/** report_of() - the stacks of thread @i */
struct report_stack report_of(const struct report *r, size_t i);

/** thread_state() - a state of /proc in a word: "sleeping" */
const char *thread_state(char state);

/**
 * report_frames() - the innermost user frames of thread @i of report_threads(), a line for each
 *
 * In the shape that locks_verdict_text() wants; @ctx is the report.
 */
void report_frames(void *ctx, size_t i, struct buf *out);

/**
 * report_verdict() - what stands on top of a text: each deadlock and convoy, in lines with '#'
 *
 * Nothing when there is neither.
 */
void report_verdict(const struct report *r, struct buf *out);

/** report_deadlocks() - how many there are */
size_t report_deadlocks(const struct report *r);

/** report_reason() - why thread @i does not run, as the head of its block has it */
const char *report_reason(const struct report *r, size_t i);

/**
 * report_blocks() - debug=2: a block for each thread
 * @r: report
 * @from: first thread
 * @bytes: stop when so many were appended
 * @out: text is appended
 *
 * Return: the thread to go on with; 0 when there is none left.
 */
size_t report_blocks(const struct report *r, size_t from, size_t bytes, struct buf *out);

#endif /* KPPROF_REPORT_H */
