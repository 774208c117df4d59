/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's one event loop: descriptors and timers over one epoll instance. Single-threaded; a
 * callback must not block. With no descriptor ready and no timer set, nothing wakes up.
 */
#ifndef KPPROF_LOOP_H
#define KPPROF_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;

/**
 * struct loop_fd - a watched descriptor; storage and descriptor stay the caller's
 * @fd: descriptor, -1 while not watched
 * @cb: called with the epoll events that are ready
 */
struct loop_fd {
	int fd;
	void (*cb)(struct loop_fd *w, uint32_t events);
};

/**
 * struct loop_timer - a one-shot timer; storage stays the caller's; all zero is a timer that is not
 * set
 * @cb: called once, after the timer was taken off; it may set it again
 */
struct loop_timer {
	void (*cb)(struct loop_timer *t);
	/* private: */
	uint64_t at;
	struct loop_timer *next;
	bool set;
};

/** loop_create() - a new loop; 0 or -errno */
int loop_create(struct loop **out);

/** loop_destroy() - free a loop; watched descriptors and timers are forgotten, not closed */
void loop_destroy(struct loop *l);

#define NSEC_PER_SEC  1000000000ull
#define NSEC_PER_MSEC 1000000ull

/**
 * loop_add() - watch @fd for @events (EPOLLIN and so on)
 *
 * Return: 0 or -errno; -EEXIST when this descriptor is watched already.
 */
int loop_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events);

/** loop_del() - stop watching; may be called from any callback, and for one that is not watched */
void loop_del(struct loop *l, struct loop_fd *w);

/** loop_timer_set() - call back @ns nanoseconds from now; moves a timer that is set */
void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ns);

/** loop_timer_clear() - take a timer off; nothing happens if it is not set */
void loop_timer_clear(struct loop *l, struct loop_timer *t);

/** loop_run() - run until loop_stop(); 0 or -errno */
int loop_run(struct loop *l);

/** loop_stop() - make loop_run() return after the callbacks of this round, or at once when it is
 * called next */
void loop_stop(struct loop *l);

/** loop_now() - CLOCK_MONOTONIC in nanoseconds */
uint64_t loop_now(void);

#endif /* KPPROF_LOOP_H */
