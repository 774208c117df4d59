/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the module tells of its own accord: the address that is to be listened on. Follows modules
 * that are loaded later, and that go, without a timer.
 */
#ifndef KPPROF_WATCH_H
#define KPPROF_WATCH_H

#include <stdint.h>

struct loop;
struct watch;

/**
 * watch_create() - begin to follow
 * @listen: called with the address that the module keeps, NULL for none, and for how many seconds,
 *	0 for good: when it is set, and from watch_create() when a module that is there has one
 *
 * Return: 0 or -errno.
 */
int watch_create(struct loop *loop, void (*listen)(void *ctx, const char *addr, uint32_t lease),
		 void *ctx, struct watch **out);

/** watch_destroy() - NULL is allowed */
void watch_destroy(struct watch *w);

/**
 * watch_tell() - let the module keep an address, NULL for none, for @lease seconds, 0 for good
 *
 * Nothing happens without the module.
 */
void watch_tell(const char *addr, uint32_t lease);

#endif /* KPPROF_WATCH_H */
