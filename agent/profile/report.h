/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A dump with names: what goroutine.c writes as a profile and goroutine_text.c as text. */
#ifndef KPPROF_REPORT_H
#define KPPROF_REPORT_H

#include <stdint.h>

#include "../base/hash.h"
#include "model.h"
#include "places.h"

struct dump;
struct engine;
struct dump_thread;

/**
 * struct report_stack - where the stack of a thread is among report.stacks
 * @kernel: its kernel frames that are known by name only
 * @user: all others: addresses of the kernel, then those of the user, then how it ended
 */
struct report_stack {
	uint32_t kernel;
	uint32_t user;
};

/**
 * struct report - a dump on its way to the client
 * @dump: the threads; owned
 * @profile: locations of all frames, named when the report is written; no samples until
 *	report_samples()
 * @places: of @profile
 * @stacks: keys: uint32_t locations, leaf first; number 0 is the empty stack
 * @of: struct report_stack of each thread
 */
struct report {
	struct dump *dump;
	struct profile profile;
	struct places places;
	struct intern stacks;
	struct buf of;
};

/** report_init() - an empty report; 0 or -ENOMEM */
int report_init(struct report *r);

/** report_deinit() - free all, the dump too */
void report_deinit(struct report *r);

/** report_locate() - locations of all stacks of @r->dump; 0 or -ENOMEM */
int report_locate(struct report *r);

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
