// SPDX-License-Identifier: GPL-2.0-only
#ifdef __KERNEL__
#include <linux/inet.h>
#include <linux/string.h>
#include <linux/types.h>
#else
#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#endif

#include "addr.h"

/* The longest text of an IPv6 address, with an IPv4 one at its end. */
#define ADDR_TEXT_MAX 45

static const char public_text[] =
	"the address is public: only loopback and private addresses are listened on";

/* The platform's own parsers. @len bytes of @s are the address and nothing else. */
#ifdef __KERNEL__
static bool read_ipv4(const char *s, unsigned int len, __u8 *addr)
{
	return in4_pton(s, len, addr, -1, NULL) == 1;
}

static bool read_ipv6(const char *s, unsigned int len, __u8 *addr)
{
	return in6_pton(s, len, addr, -1, NULL) == 1;
}
#else
static bool read_text(int family, const char *s, unsigned int len, __u8 *addr)
{
	char text[ADDR_TEXT_MAX + 1];

	memcpy(text, s, len);
	text[len] = '\0';
	return inet_pton(family, text, addr) == 1;
}

static bool read_ipv4(const char *s, unsigned int len, __u8 *addr)
{
	return read_text(AF_INET, s, len, addr);
}

static bool read_ipv6(const char *s, unsigned int len, __u8 *addr)
{
	return read_text(AF_INET6, s, len, addr);
}
#endif

static bool all_zero(const __u8 *p, unsigned int n)
{
	while (n)
		if (p[--n])
			return false;
	return true;
}

static const char *refuse_ipv4(const __u8 *a, unsigned int allow)
{
	if (all_zero(a, 4))
		return "0.0.0.0 is every address of the box, public ones too: name a private one";
	if (a[0] == 127 || a[0] == 10 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
	    (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254))
		return NULL;
	if (a[0] == 100 && (a[1] & 0xc0) == 64)
		return allow & KPPROF_ALLOW_CGNAT ? NULL
						  : "the address is a carrier's (100.64.0.0/10), "
						    "which others may share: "
						    "PPROF_ALLOW_CGNAT=1 allows it";
	return public_text;
}

static const char *refuse_ipv6(const __u8 *a)
{
	if (all_zero(a, 16))
		return "[::] is every address of the box, public ones too: name a private one";
	if (all_zero(a, 15) && a[15] == 1)
		return NULL;
	if ((a[0] == 0xfe && (a[1] & 0xc0) == 0x80) || (a[0] & 0xfe) == 0xfc)
		return NULL;
	return public_text;
}

const char *kpprof_addr_refused(bool ipv6, const __u8 *addr, unsigned int allow)
{
	if (allow & KPPROF_ALLOW_PUBLIC)
		return NULL;
	return ipv6 ? refuse_ipv6(addr) : refuse_ipv4(addr, allow);
}

static bool parse_port(const char *s, __u16 *port)
{
	unsigned int n = 0, digits = 0;

	for (; *s >= '0' && *s <= '9' && digits < 5; s++, digits++)
		n = 10 * n + (unsigned int)(*s - '0');
	*port = (__u16)n;
	return digits && !*s && n <= 65535;
}

static const char *parse_ipv4(const char *s, unsigned int len, unsigned int allow,
			      struct kpprof_listen *out)
{
	if (len > ADDR_TEXT_MAX)
		return "the address is too long";
	if (!len || !read_ipv4(s, len, out->addr))
		return "the address is neither IPv4 nor IPv6 in brackets; names are not looked up";
	return kpprof_addr_refused(false, out->addr, allow);
}

static bool is_link_local(const __u8 *a)
{
	return a[0] == 0xfe && (a[1] & 0xc0) == 0x80;
}

/* ::ffff:a.b.c.d is a.b.c.d. */
static bool take_mapped(struct kpprof_listen *out)
{
	if (!all_zero(out->addr, 10) || out->addr[10] != 0xff || out->addr[11] != 0xff)
		return false;
	memcpy(out->addr, out->addr + 12, 4);
	memset(out->addr + 4, 0, 12);
	out->ipv6 = 0;
	return true;
}

static unsigned int find(const char *s, unsigned int len, char c)
{
	unsigned int n = 0;

	while (n < len && s[n] != c)
		n++;
	return n;
}

/* What an interface may be called: no blanks, no slashes; and a name that ends here. */
static bool good_ifname(const char *s, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		if (s[i] <= ' ' || s[i] == '/' || s[i] == ':' || s[i] == 0x7f)
			return false;
	return len && len <= KPPROF_IFNAME_MAX;
}

/* The text between the brackets. */
static const char *parse_ipv6(const char *s, unsigned int len, unsigned int allow,
			      struct kpprof_listen *out)
{
	unsigned int host = find(s, len, '%');

	if (host > ADDR_TEXT_MAX)
		return "the address is too long";
	if (host < len) {
		out->name = s + host + 1;
		out->name_len = len - host - 1;
		if (!good_ifname(out->name, out->name_len))
			return "what follows % is no name of an interface";
	}
	out->ipv6 = 1;
	if (!host || !read_ipv6(s, host, out->addr))
		return "what is in brackets is no IPv6 address";
	if (take_mapped(out))
		return kpprof_addr_refused(false, out->addr, allow);
	if (is_link_local(out->addr) && !out->name_len)
		return "a link-local address needs its interface, as in [fe80::1%eth0]:6060";
	return kpprof_addr_refused(true, out->addr, allow);
}

static const char *parse_host(const char *s, unsigned int len, unsigned int allow,
			      struct kpprof_listen *out)
{
	if (len && s[0] == '[') {
		if (s[len - 1] != ']')
			return "the closing bracket is missing";
		return parse_ipv6(s + 1, len - 2, allow, out);
	}
	if (len && s[0] != '%')
		return parse_ipv4(s, len, allow, out);
	if (!out->port)
		return "a port from 1 to 65535 must be named for more than one address";
	out->kind = len ? KPPROF_LISTEN_INTERFACE : KPPROF_LISTEN_PRIVATE;
	if (!len)
		return NULL;
	out->name = s + 1;
	out->name_len = len - 1;
	return good_ifname(out->name, out->name_len) ? NULL
						     : "what follows % is no name of an interface";
}

static const char *parse_unix(const char *path, struct kpprof_listen *out)
{
	size_t len = strlen(path);

	out->kind = KPPROF_LISTEN_UNIX;
	if (*path != '/')
		return "the path of a Unix socket must begin with a slash";
	if (len > KPPROF_PATH_MAX)
		return "the path of the Unix socket is too long";
	out->name = path;
	out->name_len = (unsigned int)len;
	return NULL;
}

const char *kpprof_listen_parse(const char *s, unsigned int allow, struct kpprof_listen *out)
{
	const char *colon;

	memset(out, 0, sizeof(*out));
	if (strncmp(s, "unix:", 5) == 0)
		return parse_unix(s + 5, out);
	colon = strrchr(s, ':');
	if (!colon)
		return "the port is missing, as in 127.0.0.1:6060";
	if (!parse_port(colon + 1, &out->port))
		return "the port is not a number from 0 to 65535";
	return parse_host(s, (unsigned int)(colon - s), allow, out);
}
