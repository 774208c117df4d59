// SPDX-License-Identifier: GPL-2.0-or-later
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* TASK_COMM_LEN of the kernel, without the NUL. */
enum { KERNEL_COMM_MAX = 15, PID_DIGITS = 7 };

static bool all_digits(const char *s)
{
	return *s && !s[strspn(s, "0123456789")];
}

int target_pid_set(struct target *t, const char *pid)
{
	long n;

	if (!all_digits(pid) || *pid == '0' || strlen(pid) > PID_DIGITS)
		return -EINVAL;
	n = strtol(pid, NULL, 10);
	if (n > TARGET_PID_MAX)
		return -EINVAL;
	*t = (struct target){.kind = TARGET_PID, .pid = (pid_t)n};
	return 0;
}

int target_comm_set(struct target *t, const char *comm)
{
	size_t len = strnlen(comm, TARGET_COMM_MAX + 1);

	if (!len || len > TARGET_COMM_MAX)
		return -EINVAL;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)comm[i] < ' ' || comm[i] == 0x7f || comm[i] == '/')
			return -EINVAL;
	*t = (struct target){.kind = TARGET_COMM};
	memcpy(t->comm, comm, len);
	return 0;
}

int target_parse(const char *s, struct target *out)
{
	if (!*s || strcmp(s, "box") == 0) {
		*out = (struct target){.kind = TARGET_BOX};
		return 0;
	}
	if (all_digits(s + (*s == '-' || *s == '+')))
		return target_pid_set(out, s);
	return target_comm_set(out, s);
}

/* A name comes from outside and goes into pages, logs and profiles. */
static void make_harmless(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f || strchr("<>&\"'", *text))
			*text = '?';
}

const char *target_describe(const struct target *t, char *out, size_t size)
{
	switch (t->kind) {
	case TARGET_PID:
		snprintf(out, size, "pid %d", (int)t->pid);
		break;
	case TARGET_COMM:
		snprintf(out, size, "processes named %s", t->comm);
		make_harmless(out);
		break;
	default:
		snprintf(out, size, "the whole box");
		break;
	}
	return out;
}

bool target_comm_is(const struct target *t, const char *comm)
{
	return t->kind == TARGET_COMM && strncmp(t->comm, comm, KERNEL_COMM_MAX) == 0;
}
