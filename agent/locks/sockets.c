// SPDX-License-Identifier: GPL-2.0-or-later
#include "sockets.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../base/escape.h"

static const char *const protocols[] = {"tcp", "tcp6", "udp", "udp6", "unix"};

/* Bytes of one table that are read: some 25 000 sockets. */
enum { TABLE_BYTES = 4 << 20 };

struct sockets {
	ino_t netns; /* of the tables, 0 for none */
	struct buf tables[ARRAY_SIZE(protocols)];
};

struct sockets *sockets_create(void)
{
	return calloc(1, sizeof(struct sockets));
}

static void forget(struct sockets *s)
{
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		buf_deinit(&s->tables[i]);
	s->netns = 0;
}

void sockets_destroy(struct sockets *s)
{
	if (!s)
		return;
	forget(s);
	free(s);
}

/* "0100007F:1F90": words of the address as this machine has them in memory, port in hexadecimal. */
static bool parse_address(const char *s, char *out, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	const char *colon = strchr(s, ':');
	uint32_t words[4] = {0};
	unsigned int port, n = 0;

	if (!colon || (colon - s != 8 && colon - s != 32) || sscanf(colon, ":%4x", &port) != 1)
		return false;
	for (; s < colon; s += 8)
		if (sscanf(s, "%8" SCNx32, &words[n++]) != 1)
			return false;
	if (!inet_ntop(n == 1 ? AF_INET : AF_INET6, words, text, sizeof(text)))
		return false;
	snprintf(out, size, n == 1 ? "%s:%u" : "[%s]:%u", text, port);
	return true;
}

static const char *state_name(unsigned int state)
{
	static const char *const names[] = {
		"",	     "established", "connecting",     "connecting", "closing",	 "closing",
		"time wait", "closed",	    "closed by peer", "closing",    "listening", "closing",
	};

	return state < ARRAY_SIZE(names) ? names[state] : "";
}

/* "  0: LOCAL REMOTE STATE QUEUES TIMER RETRIES UID TIMEOUT INODE ..." */
static bool inet_line(const char *protocol, const char *line, uint64_t ino, char *out, size_t size)
{
	char local[80], remote[80], local_text[64], remote_text[64];
	bool tcp = strncmp(protocol, "tcp", 3) == 0;
	unsigned int state;
	uint64_t have;

	if (sscanf(line, "%*s %79s %79s %2x %*s %*s %*s %*s %*s %20" SCNu64, local, remote, &state,
		   &have) != 4 ||
	    have != ino)
		return false;
	if (!parse_address(local, local_text, sizeof(local_text)) ||
	    !parse_address(remote, remote_text, sizeof(remote_text)))
		return false;
	/* Nobody on the other side: the port is 0. */
	if (strcmp(strrchr(remote_text, ':'), ":0") == 0)
		snprintf(out, size, "%.3s %s%s%s%s", protocol, local_text, tcp ? " (" : "",
			 tcp ? state_name(state) : "", tcp ? ")" : "");
	else
		snprintf(out, size, "%.3s %s -> %s%s%s%s", protocol, local_text, remote_text,
			 tcp ? " (" : "", tcp ? state_name(state) : "", tcp ? ")" : "");
	return true;
}

/* "ADDRESS: REFS PROTOCOL FLAGS TYPE STATE INODE PATH" */
static bool unix_line(const char *line, uint64_t ino, char *out, size_t size)
{
	char path[128] = "", escaped[128];
	uint64_t have;

	if (sscanf(line, "%*s %*s %*s %*s %*s %*s %20" SCNu64 " %127[^\n]", &have, path) < 1 ||
	    have != ino)
		return false;
	if (path[0])
		snprintf(out, size, "unix socket %s", escape_line(path, escaped, sizeof(escaped)));
	else
		snprintf(out, size, "unix socket without a name");
	return true;
}

bool sockets_line(const char *protocol, const char *line, uint64_t ino, char *out, size_t size)
{
	if (strcmp(protocol, "unix") == 0)
		return unix_line(line, ino, out, size);
	return inet_line(protocol, line, ino, out, size);
}

static bool search(const struct buf *table, const char *protocol, uint64_t ino, char *out,
		   size_t size)
{
	for (const char *at = table->data; at && *at;) {
		const char *end = strchrnul(at, '\n');
		char line[512];

		snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
		if (sockets_line(protocol, line, ino, out, size))
			return true;
		at = *end ? end + 1 : end;
	}
	return false;
}

static void load(struct sockets *s, pid_t pid, ino_t netns)
{
	forget(s);
	s->netns = netns;
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++) {
		char name[32];

		snprintf(name, sizeof(name), "net/%s", protocols[i]);
		if (proc_read(pid, name, TABLE_BYTES, &s->tables[i]))
			buf_deinit(&s->tables[i]);
	}
}

void sockets_describe(struct sockets *s, pid_t pid, uint64_t ino, char *out, size_t size)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &st))
		return;
	if (st.st_ino != s->netns)
		load(s, pid, st.st_ino);
	for (size_t i = 0; i < ARRAY_SIZE(protocols); i++)
		if (search(&s->tables[i], protocols[i], ino, out, size))
			return;
}
