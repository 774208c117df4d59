// SPDX-License-Identifier: GPL-2.0-or-later
#include "filelocks.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../base/cleanup.h"

/* A file of FILE_LOCKS_MAX lines. */
enum { FILE_LOCKS_BYTES = 8 << 20, LINE_FIELDS = 9 };

/* Splits a line at blanks; returns the number of fields. */
static unsigned int split(char *line, char *fields[LINE_FIELDS])
{
	unsigned int n = 0;
	char *save = NULL;

	for (char *f = strtok_r(line, " ", &save); f && n < LINE_FIELDS;
	     f = strtok_r(NULL, " ", &save))
		fields[n++] = f;
	return n;
}

static bool parse_type(const char *word, enum lock_type *out)
{
	if (strcmp(word, "FLOCK") == 0)
		*out = LOCK_FLOCK;
	else if (strcmp(word, "POSIX") == 0)
		*out = LOCK_POSIX;
	else if (strcmp(word, "OFDLCK") == 0)
		*out = LOCK_OFD;
	else
		return false;
	return true;
}

static bool parse_file(const char *word, struct file_lock *out)
{
	char *end;

	out->major = (unsigned int)strtoul(word, &end, 16);
	if (*end != ':')
		return false;
	out->minor = (unsigned int)strtoul(end + 1, &end, 16);
	if (*end != ':' || !isdigit((unsigned char)end[1]))
		return false;
	out->ino = strtoull(end + 1, &end, 10);
	return *end == '\0';
}

/* "1: -> POSIX  ADVISORY  WRITE 1234 08:01:131 0 EOF", without the arrow when it is held. */
static bool parse_line(char *line, struct file_lock *out)
{
	char *fields[LINE_FIELDS], *end;
	unsigned int n = split(line, fields), at = 1;
	long pid;

	*out = (struct file_lock){0};
	if (n < 2)
		return false;
	out->id = strtoull(fields[0], &end, 10);
	if (end == fields[0] || strcmp(end, ":") != 0)
		return false;
	out->waits = strcmp(fields[1], "->") == 0;
	at += out->waits;
	if (n < at + 5 || !parse_type(fields[at], &out->type))
		return false;
	out->write = strcmp(fields[at + 2], "WRITE") == 0;
	pid = strtol(fields[at + 3], &end, 10);
	if (*end || end == fields[at + 3] || pid < -1 || pid > LOCK_TID_MAX)
		return false;
	out->pid = (pid_t)pid;
	return parse_file(fields[at + 4], out);
}

void file_locks_parse(const char *text, struct buf *out)
{
	size_t n = 0;

	while (*text && n++ < FILE_LOCKS_MAX) {
		const char *end = strchrnul(text, '\n');
		struct file_lock lock;
		char line[256];

		snprintf(line, sizeof(line), "%.*s", (int)(end - text), text);
		if (end - text < (ptrdiff_t)sizeof(line) && parse_line(line, &lock))
			buf_append(out, &lock, sizeof(lock));
		text = *end ? end + 1 : end;
	}
}

int file_locks_read(struct buf *out)
{
	_cleanup_buf_ struct buf text = {.max = FILE_LOCKS_BYTES};
	int err = buf_read_at(&text, AT_FDCWD, "/proc/locks");

	if (err)
		return err;
	buf_append(&text, "", 1);
	if (buf_error(&text))
		return buf_error(&text);
	file_locks_parse(text.data, out);
	return buf_error(out);
}

static const struct file_lock *held(const struct file_lock *locks, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (locks[i].id == id && !locks[i].waits)
			return &locks[i];
	return NULL;
}

const struct file_lock *file_locks_blocker(const struct buf *locks, enum lock_type type, pid_t pid,
					   uint64_t ino)
{
	const struct file_lock *all = (const struct file_lock *)(const void *)locks->data;
	const struct file_lock *found = NULL;
	size_t n = locks->len / sizeof(*all);

	for (size_t i = 0; i < n; i++) {
		const struct file_lock *holder;

		if (!all[i].waits || all[i].type != type || (ino && all[i].ino != ino) ||
		    (type != LOCK_OFD && all[i].pid != pid))
			continue;
		holder = held(all, n, all[i].id);
		if (!holder || (found && (found->pid != holder->pid || found->ino != holder->ino)))
			return NULL;
		found = holder;
	}
	return found;
}

uint64_t file_locks_inode(pid_t pid, unsigned int fd)
{
	struct stat st;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%u", (int)pid, fd);
	return stat(path, &st) == 0 ? st.st_ino : 0;
}

enum lock_type file_locks_type(long nr, const uint64_t args[6])
{
	if (nr == SYS_flock)
		return LOCK_FLOCK;
	return (int)args[1] == F_OFD_SETLKW ? LOCK_OFD : LOCK_POSIX;
}
