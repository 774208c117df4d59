// SPDX-License-Identifier: GPL-2.0-or-later
#include "fds.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/find.h"
#include "pipes.h"
#include "sockets.h"
#include "../base/escape.h"

/*
 * Names that are looked up in one dump, each a walk through a table: further ones remain numbers.
 */
enum { LOOKUPS_MAX = 512 };

/* Text of /proc/PID/fdinfo/FD: a line for each watched descriptor. */
enum { FDINFO_BYTES = 4 << 20 };

struct fds {
	struct sockets *sockets;
	struct pipes *pipes;
	unsigned int lookups;
};

struct fds *fds_create(void)
{
	return calloc(1, sizeof(struct fds));
}

void fds_destroy(struct fds *f)
{
	if (!f)
		return;
	sockets_destroy(f->sockets);
	pipes_destroy(f->pipes);
	free(f);
}

/* "socket:[123]" is @kind "socket" and 123. */
static bool is_numbered(const char *link, const char *kind, uint64_t *ino)
{
	size_t n = strlen(kind);
	char *end;

	if (strncmp(link, kind, n) != 0 || strncmp(link + n, ":[", 2) != 0)
		return false;
	*ino = strtoull(link + n + 2, &end, 10);
	return strcmp(end, "]") == 0;
}

static void describe_pipe(struct fds *f, pid_t pid, uint64_t ino, bool write, char *out)
{
	char name[TARGET_COMM_MAX];
	pid_t peer;

	snprintf(out, FD_TEXT_MAX, "pipe:[%llu]", (unsigned long long)ino);
	if (f->lookups++ >= LOOKUPS_MAX)
		return;
	if (!f->pipes)
		f->pipes = pipes_read();
	if (!f->pipes)
		return;
	peer = pipes_peer(f->pipes, ino, pid, !write, name);
	if (peer)
		snprintf(out, FD_TEXT_MAX, "pipe:[%llu], other end at process %d \"%s\"",
			 (unsigned long long)ino, (int)peer, name);
	else if (pipes_complete(f->pipes))
		snprintf(out, FD_TEXT_MAX, "pipe:[%llu], nobody has the other end",
			 (unsigned long long)ino);
}

static void describe_socket(struct fds *f, pid_t pid, uint64_t ino, char *out)
{
	snprintf(out, FD_TEXT_MAX, "socket:[%llu]", (unsigned long long)ino);
	if (f->lookups++ >= LOOKUPS_MAX)
		return;
	if (!f->sockets)
		f->sockets = sockets_create();
	if (f->sockets)
		sockets_describe(f->sockets, pid, ino, out, FD_TEXT_MAX);
}

enum wait_kind fd_describe(struct fds *f, pid_t pid, unsigned int fd, bool write,
			   char out[FD_TEXT_MAX])
{
	char path[64], link[512];
	uint64_t ino;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
	n = readlink(path, link, sizeof(link) - 1);
	if (n < 0) {
		snprintf(out, FD_TEXT_MAX, "descriptor %u", fd);
		return WAIT_IO;
	}
	link[n] = '\0';
	if (is_numbered(link, "pipe", &ino)) {
		describe_pipe(f, pid, ino, write, out);
		return WAIT_PIPE;
	}
	if (is_numbered(link, "socket", &ino)) {
		describe_socket(f, pid, ino, out);
		return WAIT_NET;
	}
	escape_line(link, out, FD_TEXT_MAX);
	return WAIT_IO;
}

int fd_watched(pid_t pid, unsigned int fd)
{
	_cleanup_buf_ struct buf text = {0};
	char name[32];
	int n = 0;

	snprintf(name, sizeof(name), "fdinfo/%u", fd);
	if (proc_read(pid, name, FDINFO_BYTES, &text))
		return -1;
	for (const char *at = text.data; (at = strstr(at, "\ntfd:")); at++)
		n++;
	return n;
}
