/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where the agent may listen: what the text of an address means, and which addresses are private.
 * A pprof port on a public network is a known disaster, so the rule is held at both ends: the same
 * file is compiled into the kernel module, which refuses LISTEN by it, and into the agent, which
 * binds by it.
 *
 * Pure functions without allocation or locks; any context.
 */
#ifndef KPPROF_ADDR_H
#define KPPROF_ADDR_H

#include "../uapi/kpprof.h"

/* What is taken besides loopback, RFC 1918, link-local and unique local addresses. */
#define KPPROF_ALLOW_CGNAT  1u /* 100.64.0.0/10, RFC 6598: a carrier's network, not the world */
#define KPPROF_ALLOW_PUBLIC 2u /* anything */

/* Interface names, as the kernel limits them (IFNAMSIZ), and paths of sockets (sun_path). */
#define KPPROF_IFNAME_MAX 15u
#define KPPROF_PATH_MAX	  107u

/**
 * enum kpprof_listen_kind - the forms of an address
 * @KPPROF_LISTEN_ONE: "192.168.1.1:6060", "[::1]:6060", "[fe80::1%eth0]:6060"
 * @KPPROF_LISTEN_PRIVATE: ":6060", each private address of the box, as they come and go
 * @KPPROF_LISTEN_INTERFACE: "%eth0:6060", each private address of an interface
 * @KPPROF_LISTEN_UNIX: "unix:/run/kpprof.sock"
 */
enum kpprof_listen_kind {
	KPPROF_LISTEN_ONE,
	KPPROF_LISTEN_PRIVATE,
	KPPROF_LISTEN_INTERFACE,
	KPPROF_LISTEN_UNIX,
};

/**
 * struct kpprof_listen - an address that was understood
 * @kind: its form
 * @port: in host order; 0, for the form ONE only, lets the kernel choose
 * @ipv6: @addr has 16 bytes, not 4
 * @addr: in network order; an IPv4 address in the form of IPv6 is that IPv4 address
 * @name: interface of INTERFACE, scope of ONE, path of UNIX: a part of the text, not terminated
 * @name_len: its bytes, 0 for none
 */
struct kpprof_listen {
	enum kpprof_listen_kind kind;
	__u16 port;
	__u8 ipv6;
	__u8 addr[16];
	const char *name;
	unsigned int name_len;
};

/**
 * kpprof_addr_refused() - whether an address must not be bound
 * @ipv6: @addr has 16 bytes, not 4
 * @addr: in network order
 * @allow: KPPROF_ALLOW_*
 *
 * Private are 127/8, 10/8, 172.16/12, 192.168/16 (RFC 1918), 169.254/16 (RFC 3927), ::1, fe80::/10
 * (RFC 4291) and fc00::/7 (RFC 4193). All else is public, NAT64 and 6to4 forms of these included.
 *
 * Return: NULL, or one sentence for the user.
 */
const char *kpprof_addr_refused(bool ipv6, const __u8 *addr, unsigned int allow);

/**
 * kpprof_listen_parse() - understand the text of an address, and refuse a public one
 * @s: text
 * @allow: KPPROF_ALLOW_*
 * @out: the address; its @name points into @s
 *
 * Return: NULL, or one sentence for the user that says what is wrong.
 */
const char *kpprof_listen_parse(const char *s, unsigned int allow, struct kpprof_listen *out);

#endif /* KPPROF_ADDR_H */
