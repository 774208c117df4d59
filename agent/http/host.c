// SPDX-License-Identifier: GPL-2.0-or-later
#include "host.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/utsname.h>

#include "../base/cleanup.h"

/* Longer than any name that DNS has, RFC 1035. */
enum { HOST_MAX = 256 };

/* "" or ":" and digits. */
static bool is_port(const char *s)
{
	return !*s || (*s == ':' && s[1 + strspn(s + 1, "0123456789")] == '\0');
}

/* The text in brackets, perhaps with the scope of a link-local address, which is the client's
 * (RFC 6874). */
static bool is_ipv6(const char *host)
{
	static const char scope[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				    "0123456789-._~%";
	char text[INET6_ADDRSTRLEN];
	const char *end = strchr(host, ']');
	struct in6_addr addr;
	size_t len;

	if (host[0] != '[' || !end || !is_port(end + 1))
		return false;
	len = strcspn(host + 1, "%]");
	if (len >= sizeof(text) || host + 1 + len + strspn(host + 1 + len, scope) != end)
		return false;
	memcpy(text, host + 1, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &addr) == 1;
}

static bool same_name(const char *name, const char *other, size_t len)
{
	return len && strlen(name) == len && strncasecmp(name, other, len) == 0;
}

static bool in_list(const char *name, const char *list)
{
	static const char between[] = ", \t";

	for (list += strspn(list, between); *list; list += strspn(list, between)) {
		size_t len = strcspn(list, between);

		if (same_name(name, list, len))
			return true;
		list += len;
	}
	return false;
}

static bool is_own_name(const char *name)
{
	struct utsname uts;

	return uname(&uts) == 0 && same_name(name, uts.nodename, strlen(uts.nodename));
}

bool host_allowed(const char *host, const char *names)
{
	size_t len = strcspn(host, ":");
	char name[HOST_MAX];
	struct in_addr addr;

	if (host[0] == '[')
		return is_ipv6(host);
	if (len >= sizeof(name) || !is_port(host + len))
		return false;
	memcpy(name, host, len);
	name[len] = '\0';
	return inet_pton(AF_INET, name, &addr) == 1 || strcasecmp(name, "localhost") == 0 ||
	       is_own_name(name) || (names && in_list(name, names));
}

bool origin_allowed(const char *host, const char *origin, const char *site, const char *mode)
{
	static const char scheme[] = "http://";

	if (origin && (strncasecmp(origin, scheme, sizeof(scheme) - 1) != 0 ||
		       strcasecmp(origin + sizeof(scheme) - 1, host) != 0))
		return false;
	return !site || strcasecmp(site, "cross-site") != 0 ||
	       (mode && strcasecmp(mode, "navigate") == 0);
}
