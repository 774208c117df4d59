// SPDX-License-Identifier: GPL-2.0-or-later
#include "unixsock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/cleanup.h"

static int open_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	return fd < 0 ? -errno : fd;
}

/* What an agent that was killed has left is in the way; what is in use, or no socket, stays. */
static int clear_way(const struct sockaddr_un *un)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (lstat(un->sun_path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = open_socket();
	if (fd < 0)
		return fd;
	if (connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 || errno != ECONNREFUSED)
		return -EADDRINUSE;
	return unlink(un->sun_path) < 0 ? -errno : 0;
}

static int bind_closed(int fd, const struct sockaddr_un *un)
{
	/* Nobody can connect between bind and chmod. */
	mode_t mask = umask(0777);
	int err = bind(fd, (const struct sockaddr *)un, sizeof(*un)) < 0 ? -errno : 0;

	umask(mask);
	return err;
}

static int open_up(const char *path, mode_t mode, gid_t group)
{
	if (group && lchown(path, (uid_t)-1, group) < 0)
		return -errno;
	return chmod(path, mode) < 0 ? -errno : 0;
}

int unixsock_listen(const char *path, mode_t mode, gid_t group, int backlog,
		    struct sockaddr_un *out)
{
	_cleanup_close_ int fd = open_socket();
	int err = fd < 0 ? fd : 0;

	if (group == (gid_t)-1)
		group = 0;
	if (!mode)
		mode = group ? 0660 : 0600;
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(out->sun_path))
		return -ENAMETOOLONG;
	strcpy(out->sun_path, path);
	if (!err)
		err = clear_way(out);
	if (!err)
		err = bind_closed(fd, out);
	if (err)
		return err;
	err = open_up(path, mode, group);
	if (!err && listen(fd, backlog) < 0)
		err = -errno;
	if (err) {
		unlink(path);
		return err;
	}
	return take_fd(fd);
}

void unixsock_remove(const struct sockaddr_un *un)
{
	struct stat st;

	if (lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(un->sun_path);
}

void unixsock_peer(int fd, char *out, size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		snprintf(out, size, "uid %u pid %d", cred.uid, cred.pid);
	else
		snprintf(out, size, "local");
}
