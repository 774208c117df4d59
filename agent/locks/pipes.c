// SPDX-License-Identifier: GPL-2.0-or-later
#include "pipes.h"

#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../base/escape.h"

/* Descriptors that are looked at in one walk: some 50 ms. */
enum { PIPE_FDS_MAX = 50000 };

struct pipe_end {
	uint64_t ino;
	pid_t pid;
	bool write;
};

struct pipes {
	struct buf ends; /* struct pipe_end */
	unsigned int seen;
};

static void cleanup_closedir_(DIR **d)
{
	if (*d)
		closedir(*d);
}

static DIR *open_dir(int at, const char *path)
{
	_cleanup_close_ int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;

	if (d)
		take_fd(fd);
	return d;
}

static void look_at(struct pipes *p, pid_t pid, int dir, const char *name)
{
	struct pipe_end end = {.pid = pid};
	struct stat st;
	char link[64];
	ssize_t n = readlinkat(dir, name, link, sizeof(link) - 1);

	if (n <= 0)
		return;
	link[n] = '\0';
	if (sscanf(link, "pipe:[%20lu]", &end.ino) != 1 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return;
	/* The link's permissions are what the descriptor was opened for. */
	if (st.st_mode & S_IRUSR)
		buf_append(&p->ends, &end, sizeof(end));
	end.write = true;
	if (st.st_mode & S_IWUSR)
		buf_append(&p->ends, &end, sizeof(end));
}

static void read_process(struct pipes *p, int proc, const char *pid)
{
	_cleanup_(cleanup_closedir_) DIR *dir = NULL;
	char path[32];

	snprintf(path, sizeof(path), "%.10s/fd", pid);
	dir = open_dir(proc, path);
	for (struct dirent *e; dir && p->seen < PIPE_FDS_MAX && (e = readdir(dir));) {
		if (!isdigit((unsigned char)e->d_name[0]))
			continue;
		p->seen++;
		look_at(p, (pid_t)atoi(pid), dirfd(dir), e->d_name);
	}
}

struct pipes *pipes_read(void)
{
	_cleanup_(cleanup_closedir_) DIR *proc = open_dir(AT_FDCWD, "/proc");
	struct pipes *p = calloc(1, sizeof(*p));

	for (struct dirent *e; p && proc && p->seen < PIPE_FDS_MAX && (e = readdir(proc));)
		if (isdigit((unsigned char)e->d_name[0]))
			read_process(p, dirfd(proc), e->d_name);
	return p;
}

void pipes_destroy(struct pipes *p)
{
	if (!p)
		return;
	buf_deinit(&p->ends);
	free(p);
}

bool pipes_complete(const struct pipes *p)
{
	return p->seen < PIPE_FDS_MAX && !buf_error(&p->ends);
}

pid_t pipes_peer(const struct pipes *p, uint64_t ino, pid_t pid, bool write,
		 char name[TARGET_COMM_MAX])
{
	const struct pipe_end *ends = (const struct pipe_end *)(const void *)p->ends.data;
	_cleanup_buf_ struct buf comm = {0};
	pid_t found = 0;

	for (size_t i = 0; i < p->ends.len / sizeof(*ends); i++) {
		if (ends[i].ino != ino || ends[i].write != write)
			continue;
		if (!found || found == pid)
			found = ends[i].pid;
	}
	name[0] = '\0';
	if (found && proc_read(found, "comm", TARGET_COMM_MAX, &comm) == 0) {
		comm.data[strcspn(comm.data, "\n")] = '\0';
		escape_line(comm.data, name, TARGET_COMM_MAX);
	}
	return found;
}
