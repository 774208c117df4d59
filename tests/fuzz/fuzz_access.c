// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What decides who is let in, and where: addresses to listen on, Host and Origin, passwords. The
 * first byte of an input says who gets the rest.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/http/auth.h"
#include "../../agent/http/host.h"
#include "../../kmod/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond)                                                                         \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond); \
			abort();                                                           \
		}                                                                          \
	} while (0)

/* The rule once more, by the C library's macros. */
static bool is_private(const struct kpprof_listen *l)
{
	struct in6_addr in6;
	uint32_t a = (uint32_t)l->addr[0] << 24 | (uint32_t)l->addr[1] << 16 | l->addr[2] << 8 |
		     l->addr[3];

	memcpy(&in6, l->addr, sizeof(in6));
	if (l->ipv6)
		return IN6_IS_ADDR_LOOPBACK(&in6) || IN6_IS_ADDR_LINKLOCAL(&in6) ||
		       (in6.s6_addr[0] & 0xfe) == 0xfc;
	return a >> 24 == 127 || a >> 24 == 10 || a >> 20 == 0xac1 || a >> 16 == 0xc0a8 ||
	       a >> 16 == 0xa9fe;
}

static void fuzz_listen(const char *text)
{
	struct kpprof_listen l, open;
	const char *why = kpprof_listen_parse(text, 0, &l);

	if (why) {
		must(*why);
		return;
	}
	must(l.kind != KPPROF_LISTEN_ONE || is_private(&l));
	must(l.kind == KPPROF_LISTEN_ONE || l.kind == KPPROF_LISTEN_UNIX || l.port);
	must(!l.name_len || (l.name > text && l.name + l.name_len <= text + strlen(text)));
	must(l.kind == KPPROF_LISTEN_UNIX || l.name_len <= KPPROF_IFNAME_MAX);
	must(l.name_len <= KPPROF_PATH_MAX);
	/* What is allowed strictly is allowed always, and means the same. */
	must(!kpprof_listen_parse(text, KPPROF_ALLOW_PUBLIC | KPPROF_ALLOW_CGNAT, &open));
	must(memcmp(&l, &open, sizeof(l)) == 0);
}

/* A host and an origin, each in a line. */
static void fuzz_host(char *text)
{
	char *host = strsep(&text, "\n");
	struct in_addr v4;

	if (host_allowed(host, NULL))
		must(!strpbrk(host, "/@ \t") && *host);
	must(inet_pton(AF_INET, host, &v4) != 1 || host_allowed(host, NULL));
	if (text && origin_allowed(host, text, NULL, NULL))
		must(strlen(text) == strlen(host) + 7);
}

static void fuzz_header(const char *text)
{
	char line[AUTH_NAME_MAX + AUTH_PASSWORD_MAX];
	struct auth a;
	int n;

	if (auth_parse(text, &a))
		return;
	must(memchr(a.name, '\0', sizeof(a.name)) && memchr(a.password, '\0', sizeof(a.password)));
	must(!strchr(a.name, ':'));
	/* Whoever sends what is in the file is let in, if a line of the file can say it. */
	n = snprintf(line, sizeof(line), "%s:%s", a.name, a.password);
	if (*a.name && *a.name != '#' && *a.password && !strpbrk(line, "\r\n"))
		must(auth_check(line, (size_t)n, &a));
	must(!auth_check(line, 0, &a));
}

static void fuzz_file(const uint8_t *data, size_t size)
{
	const struct auth nobody = {0}, somebody = {.name = "me", .password = "secret"};

	must(!auth_check((const char *)data, size, &nobody));
	if (auth_check((const char *)data, size, &somebody))
		must(memmem(data, size, "me:secret", 9));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;

	if (!size)
		return 0;
	text = strndup((const char *)data + 1, size - 1);
	switch (*data) {
	case 'l':
		fuzz_listen(text);
		break;
	case 'h':
		fuzz_host(text);
		break;
	case 'a':
		fuzz_header(text);
		break;
	case 'f':
		fuzz_file(data + 1, size - 1);
		break;
	}
	return 0;
}
