/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who waits on which futex word, and what the thread that lets one go has cost the others.
 *
 * An unlock wakes one waiter, who wakes the next when it unlocks in its turn. Charging each with
 * the wait of the one that it woke would give the first holder, who was the cause of it all, one
 * wait of many. So a release is charged with the time of all who are queued then, each from its
 * arrival or the release before: what they waited because of this holder.
 */
#ifndef KPPROF_FUTEXES_H
#define KPPROF_FUTEXES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct futex_queue;

/* What the arguments of a futex wait say about the word. */
enum futex_word {
	FUTEX_SIGNAL, /* a condition, a semaphore, a thread's end: nobody holds it */
	FUTEX_LOCK,
	FUTEX_RWLOCK, /* one of the two neighbours on which glibc's rwlocks wait */
};

/**
 * struct futex_waiter - a thread on a queue; all zero is one that is on none
 * @queue: the queue, NULL for none
 * @since: arrival
 * @word: what it waits on
 */
struct futex_waiter {
	struct futex_waiter *next;
	struct futex_waiter **at;
	struct futex_queue *queue;
	uint64_t since;
	enum futex_word word;
};

/**
 * struct futexes - queues by process and address; all zero is none
 */
struct futexes {
	struct futex_queue **buckets;
	size_t nqueues;
};

/** futexes_deinit() - forget all queues; nobody may be on one any more */
void futexes_deinit(struct futexes *f);

/**
 * struct futex_wait - a call of futex(2), and what is known of the word
 * @op: second argument
 * @val: third
 * @own_frame: the word is in the frame of the function that waits
 * @near_owner: a thread's number is 8 bytes behind it
 * @near_thread: a thread's number is 8 bytes in front of it
 * @near_flag: FUTEX_PRIVATE_FLAG is 8 bytes behind it
 */
struct futex_wait {
	uint64_t op;
	uint64_t val;
	bool own_frame;
	bool near_owner;
	bool near_thread;
	bool near_flag;
};

/** futex_word() - what a thread waits on */
enum futex_word futex_word(const struct futex_wait *w);

/** futex_arrive() - a thread begins to wait; without memory it is on no queue */
void futex_arrive(struct futexes *f, struct futex_waiter *w, pid_t pid, uint64_t addr,
		  enum futex_word word, uint64_t time);

/** futex_leave() - it does not wait any more; nothing if it is on no queue */
void futex_leave(struct futex_waiter *w);

/**
 * struct futex_release - a thread wakes one that waits
 * @woken: the thread that is woken
 * @pid: process of the one that wakes it
 * @addr: the word that it names
 * @time: when
 */
struct futex_release {
	struct futex_waiter *woken;
	pid_t pid;
	uint64_t addr;
	uint64_t time;
};

/** futex_is_lock() - whether the release is one of a lock */
bool futex_is_lock(const struct futex_release *r);

/**
 * futex_charge() - what the release ends, or shortens
 * @floor: what was before this time does not count
 *
 * Return: nanoseconds of all that are queued; of a signal, only those of the woken thread.
 */
uint64_t futex_charge(const struct futexes *f, const struct futex_release *r, uint64_t floor);

/** futex_release() - take the woken thread off its queue; later charges begin at this time */
void futex_release(struct futexes *f, const struct futex_release *r);

#endif /* KPPROF_FUTEXES_H */
