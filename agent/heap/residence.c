// SPDX-License-Identifier: GPL-2.0-or-later
#include "residence.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../engine/find.h"

/* A process with a hundred thousand mappings. */
enum { SMAPS_MAX = 128 << 20, THREADS_MAX = 1 << 16 };

/* What the mapping is for that the following fields are about. */
enum use { USE_NONE, USE_HEAP, USE_STACK, USE_FILE };

/* A mapping's line begins with its range; all others with the name of a field. */
static bool parse_range(const char *line, uint64_t *start, uint64_t *end)
{
	unsigned long long from, to;

	if (!isxdigit((unsigned char)line[0]) || sscanf(line, "%llx-%llx ", &from, &to) != 2)
		return false;
	*start = from;
	*end = to;
	return true;
}

/* The name is the sixth field: range, rights, offset, device, inode. */
static const char *name_of(const char *line)
{
	for (int i = 0; i < 5; i++) {
		line += strcspn(line, " ");
		line += strspn(line, " ");
	}
	return line;
}

static enum use use_of(const char *line, uint64_t start, uint64_t end, const uint64_t *sps,
		       size_t nsps)
{
	const char *name = name_of(line);

	if (name[0] == '/')
		return USE_FILE;
	if (strncmp(name, "[stack", 6) == 0)
		return USE_STACK;
	for (size_t i = 0; i < nsps; i++)
		if (sps[i] >= start && sps[i] < end)
			return USE_STACK;
	return USE_HEAP;
}

void residence_parse(char *text, const uint64_t *sps, size_t nsps, struct residence *r)
{
	uint64_t *const sums[] = {NULL, &r->heap, &r->stacks, &r->files};
	enum use use = USE_NONE;
	char *line, *rest;

	for (line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		static const char field[] = "Anonymous:";
		uint64_t start, end;

		if (parse_range(line, &start, &end))
			use = use_of(line, start, end, sps, nsps);
		else if (use != USE_NONE && strncmp(line, field, sizeof(field) - 1) == 0)
			*sums[use] += strtoull(line + sizeof(field) - 1, NULL, 10) << 10;
	}
}

/* The stack pointers of threads that sleep: of running ones the kernel does not say. */
static int read_sps(pid_t pid, struct buf *sps)
{
	char path[64];
	struct dirent *d;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? -ESRCH : -errno;
	while ((d = readdir(dir)) && sps->len / sizeof(uint64_t) < THREADS_MAX) {
		_cleanup_buf_ struct buf b = {0};
		const char *last;
		uint64_t sp;

		snprintf(path, sizeof(path), "task/%.20s/syscall", d->d_name);
		if (d->d_name[0] == '.' || proc_read(pid, path, 4096, &b))
			continue;
		/* "... SP PC": the last but one. */
		last = strrchr(b.data, ' ');
		while (last && last > b.data && last[-1] != ' ')
			last--;
		sp = last ? strtoull(last, NULL, 16) : 0;
		if (sp)
			buf_append(sps, &sp, sizeof(sp));
	}
	closedir(dir);
	return sps->error;
}

int residence_read(pid_t pid, struct residence *r)
{
	_cleanup_buf_ struct buf text = {0}, sps = {0};
	int err = read_sps(pid, &sps);

	if (!err)
		err = proc_read(pid, "smaps", SMAPS_MAX, &text);
	if (err)
		return err;
	residence_parse(text.data, (const uint64_t *)(const void *)sps.data,
			sps.len / sizeof(uint64_t), r);
	return 0;
}
