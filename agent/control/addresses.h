/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The addresses of the box, and when they change: rtnetlink(7). Names of interfaces and the VRFs
 * that they are in come with them.
 */
#ifndef KPPROF_ADDRESSES_H
#define KPPROF_ADDRESSES_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

#include "../base/buf.h"

struct address_watch;
struct loop;

/**
 * struct address - one address of an interface
 * @ipv6: @bytes has 16 of them, not 4
 * @bytes: in network order
 * @ifindex: the interface
 * @ifname: its name now
 * @vrf: index of the VRF that the interface is in, 0 for none: such an address can only be bound by
 *	a socket that is bound to that device
 */
struct address {
	bool ipv6;
	uint8_t bytes[16];
	uint32_t ifindex;
	uint32_t vrf;
	char ifname[IF_NAMESIZE];
};

/**
 * addresses_list() - those that can be bound now
 * @out: struct address each; IPv6 addresses that are still being probed for duplicates are left out
 *
 * Asks the kernel and waits for the answer, which it has ready. Return: 0 or -errno.
 */
int addresses_list(struct buf *out);

/**
 * address_watch_create() - be told of changes
 * @changed: called from the loop, once for any number of changes to addresses and interfaces that
 *	came together; what there is now must be listed again
 *
 * Return: 0 or -errno.
 */
int address_watch_create(struct loop *loop, void (*changed)(void *ctx), void *ctx,
			 struct address_watch **out);

/** address_watch_destroy() - NULL is allowed */
void address_watch_destroy(struct address_watch *w);

#endif /* KPPROF_ADDRESSES_H */
