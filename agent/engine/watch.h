/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The inside of watches of waits, for the files of engine/ alone: what waits.c, which has the list
 * of watches and delivers to them, and its backends share. A backend tells what happened, once; who
 * wants it, and how much of it, is decided in waits.c.
 */
#ifndef KPPROF_WATCH_H
#define KPPROF_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "core.h"
#include "members.h"
#include "waits.h"

/* Watches at the same time: a bit each in struct wait_note. */
enum { WATCHES_MAX = 64 };

/**
 * struct wait_backend - where waits come from
 * @engine: its name
 * @start: begin to watch; slot, members and start time of @w are set. 0 or -errno
 * @stop: end it
 * @lost: count what was lost of which no record has told yet; there may be no watch of it
 * @ask: a flush was asked for: look at what goes on, if that is to be done now; it may set the
 *	time of the flush anew. May be NULL
 * @open: call waits_open() for each wait of the watch that goes on at @now, up to which all rings
 *	were read
 * @fork: a record of a new thread or process; may be NULL
 * @exit: a record of a thread that is gone; may be NULL
 * @read: all records up to @until were handled; may be NULL
 * @joined: a process belongs to a watch of this backend from now on, by its new name; may be NULL
 */
struct wait_backend {
	enum kpprof_engine engine;
	int (*start)(struct engine *e, struct wait_watch *w);
	void (*stop)(struct engine *e, struct wait_watch *w);
	void (*lost)(struct engine *e);
	void (*ask)(struct engine *e, struct wait_watch *w, struct wait_flush *f);
	void (*open)(struct engine *e, struct wait_watch *w, uint64_t now, struct wait_flush *f);
	void (*fork)(struct engine *e, const struct record *r);
	void (*exit)(struct engine *e, const struct record *r);
	void (*read)(struct engine *e, uint64_t until);
	void (*joined)(struct engine *e, pid_t pid);
};

/* The scheduler's trace events, read through perf_event_open(2): sched.c. */
extern const struct wait_backend wait_backend_perf;
/* The module's, with the stacks that it has walked: module_waits.c. */
extern const struct wait_backend wait_backend_module;

/**
 * struct wait_flush - a wait_watch_flush() that is not through
 * @at: when it was asked for
 * @pending: open waits that are not delivered yet
 * @begun: open waits were asked for
 * @asked: what @ask of the backend has found, each with a note; freed with the flush
 */
struct wait_flush {
	struct wait_flush *next;
	uint64_t at;
	unsigned int pending;
	bool begun;
	struct held *asked;
	void (*open)(void *ctx, const struct wait_event *we);
	void (*end)(void *ctx);
	void *ctx;
};

/**
 * struct wait_note - what a held sample of a wait is for: its @extra
 * @flush: this is an open wait, for a flush of the one watch; NULL for one that is over
 * @kind: what it waited for, WAIT_RUNQUEUE for a thread that was preempted
 * @from: when it began
 * @woken: from here on it only waited for a CPU; @from when it was preempted
 * @to: when it was over
 * @scale: what its time is multiplied with; 0: see wait_scale()
 * @count: waits that it stands for; 0: as many as @scale says
 */
struct wait_note {
	struct wait_flush *flush;
	enum wait_kind kind;
	uint64_t from;
	uint64_t woken;
	uint64_t to;
	double scale;
	double count;
};

/**
 * struct release_note - the same of a release
 * @lock: of a lock; else a signal
 * @count: threads that it let go, after scaling
 * @ns: what it is charged with, by the slot of the watch: each has its own beginning
 */
struct release_note {
	bool lock;
	double count;
	uint64_t ns[WATCHES_MAX];
};

/** struct create_note - the same of a new thread: @tid */
struct create_note {
	pid_t tid;
};

/** wait_note_of() - the note of a held sample that was made with the size of one as extra */
static inline struct wait_note *wait_note_of(struct held *h)
{
	return (struct wait_note *)h->extra;
}

/** release_note_of() - see wait_note_of() */
static inline struct release_note *release_note_of(struct held *h)
{
	return (struct release_note *)h->extra;
}

/** create_note_of() - see wait_note_of() */
static inline struct create_note *create_note_of(struct held *h)
{
	return (struct create_note *)h->extra;
}

/**
 * waits_over() - a wait is over: deliver it to the watches of a backend that want it
 * @b: the backend
 * @h: the sample with its note; freed here or when it was delivered
 *
 * Chance decides whether a wait is kept that is shorter than a watch's rate.
 */
void waits_over(struct engine *e, const struct wait_backend *b, struct held *h);

/** waits_kept() - the same, of a backend that has chosen already: @scale and @count of the note */
void waits_kept(struct engine *e, const struct wait_backend *b, struct held *h);

/** waits_open() - deliver a wait of one watch that goes on; else as waits_kept() */
void waits_open(struct engine *e, struct wait_watch *w, struct wait_flush *f, struct held *h);

/** waits_release_wanted() - whether a watch wants releases by threads of @pid */
bool waits_release_wanted(const struct wait_watch *w, const struct wait_backend *b, pid_t pid);

/** waits_release() - a thread let others go: @h with a release_note; else as waits_over() */
void waits_release(struct engine *e, const struct wait_backend *b, struct held *h);

/** waits_create() - a thread made another: @h with a create_note; else as waits_over() */
void waits_create(struct engine *e, const struct wait_backend *b, struct held *h);

/** waits_in_slot() - the watch with this number, NULL when there is none */
struct wait_watch *waits_in_slot(struct engine *e, unsigned int slot);

/* What engine.c tells. */

/** waits_box() - whether a watch of the whole box runs */
bool waits_box(const struct engine *e);
/** waits_fork() - a new thread or process; the processes know it */
void waits_fork(struct engine *e, const struct record *r);
/** waits_exit() - a thread is gone; the processes still know it */
void waits_exit(struct engine *e, const struct record *r);
/** waits_comm() - the main thread of a process has a new name */
void waits_comm(struct engine *e, pid_t pid, const char *name);
/** waits_side_lost() - so many side records were lost */
void waits_side_lost(struct engine *e, uint64_t lost);
/** waits_read() - all records up to @until were handled; watches may start and end in here */
void waits_read(struct engine *e, uint64_t until);

#endif /* KPPROF_WATCH_H */
