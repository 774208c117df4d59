// SPDX-License-Identifier: GPL-2.0-or-later
#include "open.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"

/* The kernel's vdso has at most this many pages' bytes; its ELF image is shorter. */
enum { VDSO_MAX = 64 << 10 };

/* Opens a regular file and nothing else: a device or a pipe may do something when it is opened. */
static int open_regular(const char *path, struct stat *st)
{
	_cleanup_close_ int fd = -1;

	if (stat(path, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EACCES;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	return S_ISREG(st->st_mode) ? take_fd(fd) : -EACCES;
}

/* [vdso] has no file, and is the same in every 64-bit process: the agent's own is copied. */
static int open_vdso(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_close_ int fd = memfd_create("kpprof-vdso", MFD_CLOEXEC);
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (!f || fd < 0)
		return -errno;
	while ((len = getline(&line, &cap, f)) > 0) {
		struct map_entry e;
		size_t size;

		line[len - 1] = '\0';
		if (maps_line_parse(line, &e) != 1 || strcmp(e.path, "[vdso]") != 0)
			continue;
		size = e.end - e.start;
		if (size > VDSO_MAX || write(fd, (const void *)e.start, size) != (ssize_t)size)
			return -EIO;
		return take_fd(fd);
	}
	return -ENOENT;
}

int open_mapped(pid_t pid, const struct map_entry *e)
{
	char path[PATH_MAX + 32];
	struct stat st;
	int fd;

	if (strcmp(e->path, "[vdso]") == 0)
		return open_vdso();
	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)e->start, (unsigned long long)e->end);
	fd = open_regular(path, &st);
	if (fd >= 0)
		return fd;
	if (e->path[0] != '/')
		return -ENOENT;
	snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid, e->path);
	fd = open_regular(path, &st);
	if (fd < 0)
		fd = open_regular(e->path, &st);
	if (fd >= 0 && st.st_ino != e->ino) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int open_first(const char *const *formats, size_t n, const char *dir, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		char path[PATH_MAX];
		struct stat st;
		int len, fd;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		len = snprintf(path, sizeof(path), formats[i], dir, name);
#pragma GCC diagnostic pop
		fd = len > 0 && (size_t)len < sizeof(path) ? open_regular(path, &st) : -1;
		if (fd >= 0)
			return fd;
	}
	return -ENOENT;
}

int open_debug(const char *path, const char *build_id, const char *debuglink)
{
	static const char *const by_id[] = {"/usr/lib/debug/.build-id/%s/%s.debug"};
	/* gdb's "Debugging Information in Separate Files" */
	static const char *const by_link[] = {"%s/.debug/%s", "/usr/lib/debug%s/%s", "%s/%s"};
	_cleanup_free_ char *dir = NULL;
	int fd = -ENOENT;

	if (strlen(build_id) > 2) {
		char first[3] = {build_id[0], build_id[1], '\0'};

		fd = open_first(by_id, ARRAY_SIZE(by_id), first, build_id + 2);
	}
	/* A link is a file's name; one with a slash in it would lead elsewhere. */
	if (fd >= 0 || !debuglink[0] || strchr(debuglink, '/') || path[0] != '/')
		return fd;
	dir = strndup(path, (size_t)(strrchr(path, '/') - path));
	return dir ? open_first(by_link, ARRAY_SIZE(by_link), dir, debuglink) : -ENOENT;
}

/* The process's pid in its own namespace and its effective user, from /proc/PID/status. */
static int read_status(pid_t pid, int *ns_pid, unsigned int *uid)
{
	_cleanup_buf_ struct buf b = {.max = 64 << 10};
	const char *at, *end;
	char path[64];
	int err;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	err = buf_read_at(&b, AT_FDCWD, path);
	buf_append(&b, "", 1);
	if (err || buf_error(&b))
		return err ? err : -ENOMEM;
	at = strstr(b.data, "\nUid:");
	if (!at || sscanf(at, "\nUid: %*u %u", uid) != 1)
		return -EINVAL;
	*ns_pid = (int)pid;
	at = strstr(b.data, "\nNSpid:");
	end = at ? strchr(at + 1, '\n') : NULL;
	while (end && end > at && end[-1] >= '0' && end[-1] <= '9')
		end--;
	if (end && *end != '\n')
		*ns_pid = (int)strtol(end, NULL, 10);
	return 0;
}

int open_perfmap(pid_t pid)
{
	unsigned int uid = 0;
	int ns_pid = (int)pid, fd;
	bool alive = !read_status(pid, &ns_pid, &uid);
	char path[96];
	struct stat st;

	if (alive)
		snprintf(path, sizeof(path), "/proc/%d/root/tmp/perf-%d.map", (int)pid, ns_pid);
	else
		snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)pid);
	fd = open_regular(path, &st);
	if (fd >= 0 && alive && st.st_uid != uid && st.st_uid != 0) {
		close(fd);
		return -EPERM;
	}
	return fd;
}
