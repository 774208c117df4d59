// SPDX-License-Identifier: GPL-2.0-or-later
#include "loop.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"

enum { EVENTS_PER_ROUND = 32 };

struct loop {
	int epfd;
	bool stop;
	struct loop_timer *timers; /* sorted by time */
	/* The round being dispatched, so that loop_del() can take a descriptor out of it. */
	struct epoll_event *ready;
	int nready;
};

uint64_t loop_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

int loop_create(struct loop **out)
{
	_cleanup_free_ struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	l->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (l->epfd < 0)
		return -errno;
	*out = take_ptr(l);
	return 0;
}

void loop_destroy(struct loop *l)
{
	if (!l)
		return;
	close(l->epfd);
	free(l);
}

int loop_add(struct loop *l, struct loop_fd *w, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(l->epfd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return -errno;
	w->fd = fd;
	return 0;
}

void loop_del(struct loop *l, struct loop_fd *w)
{
	if (w->fd < 0)
		return;
	epoll_ctl(l->epfd, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
	for (int i = 0; i < l->nready; i++)
		if (l->ready[i].data.ptr == w)
			l->ready[i].data.ptr = NULL;
}

void loop_timer_set(struct loop *l, struct loop_timer *t, uint64_t ns)
{
	struct loop_timer **at = &l->timers;

	loop_timer_clear(l, t);
	t->at = loop_now() + ns;
	while (*at && (*at)->at <= t->at)
		at = &(*at)->next;
	t->next = *at;
	t->set = true;
	*at = t;
}

void loop_timer_clear(struct loop *l, struct loop_timer *t)
{
	struct loop_timer **at = &l->timers;

	if (!t->set)
		return;
	while (*at != t)
		at = &(*at)->next;
	*at = t->next;
	t->set = false;
}

static int timeout_ms(const struct loop *l)
{
	uint64_t now, ms;

	if (!l->timers)
		return -1;
	now = loop_now();
	if (l->timers->at <= now)
		return 0;
	ms = (l->timers->at - now + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

static void run_timers(struct loop *l)
{
	uint64_t now = loop_now();

	/* A timer that its callback sets again to "now" waits for the next round. */
	while (l->timers && l->timers->at <= now) {
		struct loop_timer *t = l->timers;

		l->timers = t->next;
		t->set = false;
		t->cb(t);
	}
}

int loop_run(struct loop *l)
{
	struct epoll_event ready[EVENTS_PER_ROUND];

	while (!l->stop) {
		int n = epoll_wait(l->epfd, ready, EVENTS_PER_ROUND, timeout_ms(l));

		if (n < 0 && errno != EINTR)
			return -errno;
		l->ready = ready;
		l->nready = n < 0 ? 0 : n;
		for (int i = 0; i < l->nready; i++) {
			struct loop_fd *w = ready[i].data.ptr;

			if (w)
				w->cb(w, ready[i].events);
		}
		l->nready = 0;
		run_timers(l);
	}
	l->stop = false;
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stop = true;
}
