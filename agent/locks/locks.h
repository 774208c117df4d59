/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Why each thread of a dump waits, who holds what it waits for, and the verdict: cycles, locks
 * whose owner is gone, convoys. Reads the target's memory, /proc and nothing else.
 */
#ifndef KPPROF_LOCKS_H
#define KPPROF_LOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct buf;
struct dump_thread;
struct locks;

/* What a thread waits for; the names are the values of the label "wait". */
#define KPPROF_WAIT_KINDS(K)    \
	K(NONE, "")             \
	K(LOCK, "lock")         \
	K(IO, "io")             \
	K(DISK, "disk")         \
	K(NET, "net")           \
	K(PIPE, "pipe")         \
	K(FAULT, "fault")       \
	K(POLL, "poll")         \
	K(SLEEP, "sleep")       \
	K(RUNQUEUE, "runqueue") \
	K(OTHER, "other")

enum wait_kind {
#define K(id, text) WAIT_##id,
	KPPROF_WAIT_KINDS(K)
#undef K
		WAIT_KINDS_N
};

/**
 * struct lock_wait - why one thread waits
 * @kind: in a word
 * @reason: as the head of a Go stack has it: "futex wait", "mutex lock", "epoll wait", "sleep",
 *	"running"; static text
 * @detail: for people, one line without a newline, hostile text escaped: "mutex 0x55d0
 *	(recursive), held by thread 812 \"worker\""; "" for none
 * @lock: address of the lock, 0 when it is none
 * @owner: thread that holds it; 0 when nobody is known to
 * @owner_gone: the lock's owner is a thread that has exited
 *
 * Valid as long as the locks.
 */
struct lock_wait {
	enum wait_kind kind;
	const char *reason;
	const char *detail;
	uint64_t lock;
	pid_t owner;
	bool owner_gone;
};

/**
 * locks_read() - find out why threads wait
 * @threads: of one dump or of several, each thread once; must live as long as the locks
 * @n: how many
 * @details: descriptors are resolved as well; locks always are
 * @out: the result, to be given to locks_free()
 *
 * What it finds is checked twice: a wait that has ended meanwhile is not a lock's, and a deadlock
 * is one only when none of its threads has run while it was looked at.
 *
 * Return: 0 or -ENOMEM.
 */
int locks_read(const struct dump_thread *threads, size_t n, bool details, struct locks **out);

/**
 * locks_outside() - processes that hold what some thread waits for, and are not in the dump
 * @n: out: how many, at most LOCKS_OUTSIDE_MAX
 *
 * With their threads in the dump as well the verdict may be another one: a cycle through them is
 * not seen otherwise.
 *
 * Return: their numbers; valid as long as the locks.
 */
const pid_t *locks_outside(const struct locks *l, size_t *n);

enum { LOCKS_OUTSIDE_MAX = 16 };

/** locks_free() - NULL is allowed */
void locks_free(struct locks *l);

/** locks_wait() - why thread number @i of the dump waits */
const struct lock_wait *locks_wait(const struct locks *l, size_t i);

/** locks_deadlocks() - cycles, self-relocks, and locks that nobody can let go of any more */
size_t locks_deadlocks(const struct locks *l);

/** locks_convoys() - holders with two or more threads behind them that are no deadlock */
size_t locks_convoys(const struct locks *l);

/**
 * locks_verdict_text() - the verdict for people
 * @l: the locks
 * @name: name and place of the innermost frames of thread number @i of the dump, one indented line
 *	each, appended to @out
 * @ctx: for @name
 * @out: text; "no deadlock\n" when there is none
 */
void locks_verdict_text(const struct locks *l, void (*name)(void *ctx, size_t i, struct buf *out),
			void *ctx, struct buf *out);

/** locks_verdict_json() - the same as JSON, one object: {"deadlocks": [...], "convoys": [...]} */
void locks_verdict_json(const struct locks *l, void (*name)(void *ctx, size_t i, struct buf *out),
			void *ctx, struct buf *out);

#endif /* KPPROF_LOCKS_H */
