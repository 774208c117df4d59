// SPDX-License-Identifier: GPL-2.0-or-later
#include "params.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"

enum { PORT_DIGITS = 5, PORT_MAX = 65535 };

int param_int(const char *s, int64_t *out)
{
	bool negative;
	uint64_t n = 0, limit;

	if (!s)
		return -EINVAL;
	negative = *s == '-';
	s += *s == '-' || *s == '+';
	if (!*s || s[strspn(s, "0123456789")])
		return -EINVAL;
	limit = (uint64_t)INT64_MAX + negative;
	for (; *s; s++) {
		unsigned int digit = (unsigned int)(*s - '0');

		if (n > (limit - digit) / 10)
			return -ERANGE;
		n = n * 10 + digit;
	}
	*out = negative ? (int64_t)(0 - n) : (int64_t)n;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int percent_decode(char *s, bool plus)
{
	char *to = s;

	for (; *s; s++) {
		int high, low;

		if (*s != '%') {
			*to++ = *s == '+' && plus ? ' ' : *s;
			continue;
		}
		high = hex_digit(s[1]);
		low = high < 0 ? -1 : hex_digit(s[2]);
		if (low < 0 || (high == 0 && low == 0))
			return -EINVAL;
		*to++ = (char)(high << 4 | low);
		s += 2;
	}
	*to = '\0';
	return 0;
}

void percent_encode(struct buf *out, const char *s)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

	for (; *s; s++) {
		if (strchr(plain, *s))
			buf_append(out, s, 1);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}

static void html_char(struct buf *out, char c)
{
	switch (c) {
	case '<':
		buf_puts(out, "&lt;");
		break;
	case '>':
		buf_puts(out, "&gt;");
		break;
	case '&':
		buf_puts(out, "&amp;");
		break;
	case '"':
		buf_puts(out, "&#34;");
		break;
	case '\'':
		buf_puts(out, "&#39;");
		break;
	default:
		if ((unsigned char)c < ' ' || c == 0x7f)
			c = '?';
		buf_append(out, &c, 1);
		break;
	}
}

char *html_escape(const char *s)
{
	struct buf out = {0};

	for (; *s; s++)
		html_char(&out, *s);
	buf_append(&out, "", 1);
	if (buf_error(&out))
		buf_deinit(&out);
	return out.data;
}

static int parse_port(const char *s, in_port_t *port)
{
	unsigned long n;

	if (!*s || strlen(s) > PORT_DIGITS || s[strspn(s, "0123456789")])
		return -EINVAL;
	n = strtoul(s, NULL, 10);
	if (n > PORT_MAX)
		return -EINVAL;
	*port = htons((in_port_t)n);
	return 0;
}

/* NULL, or why nobody listens there. */
static const char *refuse_ipv4(struct in_addr in)
{
	uint32_t a = ntohl(in.s_addr);

	if (a == INADDR_ANY)
		return "0.0.0.0 is every address of the box, public ones too: name a private one";
	if (a >> 24 == 127 || a >> 24 == 10 || a >> 20 == (172 << 4 | 1) ||
	    a >> 16 == (192 << 8 | 168) || a >> 16 == (169 << 8 | 254))
		return NULL;
	return "the address is public: only loopback and private addresses are listened on";
}

static const char *refuse_ipv6(const struct sockaddr_in6 *in6)
{
	const struct in6_addr *a = &in6->sin6_addr;

	if (IN6_IS_ADDR_UNSPECIFIED(a))
		return "[::] is every address of the box, public ones too: name a private one";
	if (IN6_IS_ADDR_LINKLOCAL(a))
		return in6->sin6_scope_id ? NULL
					  : "a link-local address needs its interface, as in "
					    "[fe80::1%eth0]:6060";
	if (IN6_IS_ADDR_LOOPBACK(a) || (a->s6_addr[0] & 0xfe) == 0xfc)
		return NULL;
	return "the address is public: only loopback and private addresses are listened on";
}

static const char *parse_ipv4(const char *host, in_port_t port, struct sockaddr_storage *ss,
			      socklen_t *len)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ss;

	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return "the address is neither IPv4 nor IPv6 in brackets; names are not looked up";
	in->sin_family = AF_INET;
	in->sin_port = port;
	*len = sizeof(*in);
	return refuse_ipv4(in->sin_addr);
}

/* @host is changed. */
static const char *parse_ipv6(char *host, in_port_t port, struct sockaddr_storage *ss,
			      socklen_t *len)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ss;
	char *scope = strchr(host, '%');

	if (scope) {
		*scope++ = '\0';
		in6->sin6_scope_id = if_nametoindex(scope);
		if (!in6->sin6_scope_id)
			return "there is no such interface";
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return "what is in brackets is no IPv6 address";
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		struct in_addr mapped;

		memcpy(&mapped, in6->sin6_addr.s6_addr + 12, sizeof(mapped));
		memset(ss, 0, sizeof(*ss));
		((struct sockaddr_in *)ss)->sin_addr = mapped;
		((struct sockaddr_in *)ss)->sin_family = AF_INET;
		((struct sockaddr_in *)ss)->sin_port = port;
		*len = sizeof(struct sockaddr_in);
		return refuse_ipv4(mapped);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = port;
	*len = sizeof(*in6);
	return refuse_ipv6(in6);
}

/* Forms that only look like a mistake in the address. */
static const char *refuse_form(const char *s)
{
	if (*s == ':' && !strchr(s + 1, ':'))
		return "an address without a host is not supported: name one, such as "
		       "127.0.0.1:6060";
	if (strncmp(s, "unix:", 5) == 0)
		return "Unix sockets are not supported: name an address, such as 127.0.0.1:6060";
	if (*s == '%')
		return "interfaces are not supported: name an address, such as 192.168.1.1:6060";
	if (!strrchr(s, ':'))
		return "the port is missing, as in 127.0.0.1:6060";
	return NULL;
}

static const char *parse_addr(const char *s, struct sockaddr_storage *ss, socklen_t *len)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 2];
	const char *why = refuse_form(s), *colon = strrchr(s, ':');
	size_t n = why ? 0 : (size_t)(colon - s);
	in_port_t port;

	if (why)
		return why;
	if (parse_port(colon + 1, &port))
		return "the port is not a number from 0 to 65535";
	if (n >= sizeof(host))
		return "the address is too long";
	memcpy(host, s, n);
	host[n] = '\0';
	if (host[0] != '[')
		return parse_ipv4(host, port, ss, len);
	if (host[n - 1] != ']')
		return "the closing bracket is missing";
	host[n - 1] = '\0';
	return parse_ipv6(host + 1, port, ss, len);
}

int http_addr_parse(const char *s, struct sockaddr_storage *ss, socklen_t *len, const char **why)
{
	const char *refused;

	memset(ss, 0, sizeof(*ss));
	*len = 0;
	refused = parse_addr(s, ss, len);
	if (!refused)
		return 0;
	if (why)
		*why = refused;
	return -EINVAL;
}
