// SPDX-License-Identifier: GPL-2.0-or-later
#include "tracefs.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/privilege.h"

enum { FORMAT_MAX = 64 << 10 };

static int open_usual(void)
{
	static const char *const places[] = {"/sys/kernel/tracing/events",
					     "/sys/kernel/debug/tracing/events"};

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		int fd = open(places[i], O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			return fd;
	}
	return -ENODEV;
}

/* Since Linux 5.2: fsmount(2) gives a mount that is not attached anywhere. */
static int open_private(void)
{
	_privilege_raised_ bool raised = privilege_raise();
	_cleanup_close_ int fs = fsopen("tracefs", FSOPEN_CLOEXEC), mount = -1;
	int fd;

	if (fs < 0)
		return -errno;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mount < 0)
		return -errno;
	fd = openat(mount, "events", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tracefs_open(void)
{
	int fd = open_usual();

	return fd < 0 ? open_private() : fd;
}

static int read_text(int tracefs, const char *event, const char *file, struct buf *out)
{
	char path[128];
	int err;

	if (snprintf(path, sizeof(path), "%s/%s", event, file) >= (int)sizeof(path))
		return -EINVAL;
	out->max = FORMAT_MAX;
	err = buf_read_at(out, tracefs, path);
	buf_append(out, "", 1);
	return err ? err : buf_error(out);
}

/* A line is "field:pid_t prev_pid; offset:24; size:4; signed:1;": the declaration's last word,
 * before the brackets of an array, is the name. */
static bool line_names(const char *line, const char *name)
{
	size_t len = strlen(name);
	const char *end = line + strcspn(line, ";\n");
	const char *bracket = memchr(line, '[', (size_t)(end - line));

	/* "__data_loc char[] comm" has its brackets in front. */
	if (bracket && bracket[1] != ']')
		end = bracket;
	return (size_t)(end - line) > len && memcmp(end - len, name, len) == 0 &&
	       (isspace((unsigned char)end[-(ptrdiff_t)len - 1]) ||
		end[-(ptrdiff_t)len - 1] == '*');
}

int trace_format_field(const char *format, struct trace_field *field)
{
	const char *at = format;

	while ((at = strstr(at, "field:"))) {
		const char *rest;

		at += strlen("field:");
		if (!line_names(at, field->name))
			continue;
		rest = strchr(at, ';');
		if (!rest ||
		    sscanf(rest, "; offset:%u; size:%u;", &field->offset, &field->size) != 2)
			return -EBADMSG;
		return 0;
	}
	return -ENOENT;
}

int trace_event(int tracefs, const char *name, struct trace_field *fields, uint32_t *id)
{
	_cleanup_buf_ struct buf number = {0}, format = {0};
	int err = read_text(tracefs, name, "id", &number);

	if (err)
		return err;
	*id = (uint32_t)strtoul(number.data, NULL, 10);
	if (!*id)
		return -EBADMSG;
	if (!fields)
		return 0;
	err = read_text(tracefs, name, "format", &format);
	for (; !err && fields->name; fields++)
		err = trace_format_field(format.data, fields);
	return err;
}

int64_t trace_get(const struct trace_field *f, const unsigned char *raw, uint32_t size)
{
	int64_t v = 0;

	if (f->offset > size || f->size > size - f->offset)
		return 0;
	if (f->size != 1 && f->size != 2 && f->size != 4 && f->size != 8)
		return 0;
	/* The machine is little-endian (record.c knows no other): the sign is the last byte's. */
	if (raw[f->offset + f->size - 1] & 0x80)
		v = -1;
	memcpy(&v, raw + f->offset, f->size);
	return v;
}
