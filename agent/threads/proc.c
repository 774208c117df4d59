// SPDX-License-Identifier: GPL-2.0-or-later
#include "proc.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"

/* Fields of "stat" by their numbers in proc(5). */
enum { STAT_STATE = 3, STAT_FLAGS = 9, STAT_CPU = 39 };

/* PF_KTHREAD of include/linux/sched.h, as the flags in "stat" have it. */
#define KTHREAD_FLAG 0x00200000ul

ssize_t proc_task_read(int task, pid_t tid, const char *file, char *buf, size_t size)
{
	_cleanup_close_ int fd = -1;
	char path[48];
	ssize_t n;

	snprintf(path, sizeof(path), "%d/%s", (int)tid, file);
	fd = openat(task, path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* Field @n, behind the name's parenthesis. */
static const char *stat_field(const char *close, unsigned int n)
{
	const char *at = close;

	for (unsigned int i = STAT_STATE; at && i <= n; i++)
		at = strchr(at + 1, ' ');
	return at ? at + 1 : NULL;
}

/* The name may hold anything, parentheses too: it ends at the last one. */
int proc_stat_parse(const char *text, struct proc_stat *out)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')');
	const char *flags, *cpu;
	size_t len;

	*out = (struct proc_stat){0};
	if (!open || !close || close < open)
		return -EBADMSG;
	flags = stat_field(close, STAT_FLAGS);
	cpu = stat_field(close, STAT_CPU);
	if (!flags || !isdigit((unsigned char)*flags) || !isalpha((unsigned char)close[2]))
		return -EBADMSG;
	len = (size_t)(close - open - 1);
	if (len > sizeof(out->name) - 1)
		len = sizeof(out->name) - 1;
	memcpy(out->name, open + 1, len);
	out->state = close[2];
	out->kthread = strtoul(flags, NULL, 10) & KTHREAD_FLAG;
	out->cpu = cpu ? (unsigned int)strtoul(cpu, NULL, 10) : UINT_MAX;
	return 0;
}

static bool take_hex(const char **at, uint64_t *out)
{
	char *end;

	if (strncmp(*at, " 0x", 3) != 0 || !isxdigit((unsigned char)(*at)[3]))
		return false;
	errno = 0;
	*out = strtoull(*at + 3, &end, 16);
	*at = end;
	return !errno;
}

int proc_syscall_parse(const char *text, struct proc_syscall *out)
{
	const char *at = text;
	char *end;

	*out = (struct proc_syscall){0};
	if (strncmp(text, "running", strlen("running")) == 0) {
		out->running = true;
		return 0;
	}
	errno = 0;
	out->nr = strtol(text, &end, 10);
	if (end == text || errno || isspace((unsigned char)*text))
		return -EBADMSG;
	at = end;
	out->in_syscall = out->nr >= 0;
	for (size_t i = 0; out->in_syscall && i < ARRAY_SIZE(out->args); i++)
		if (!take_hex(&at, &out->args[i]))
			return -EBADMSG;
	if (!take_hex(&at, &out->sp) || !take_hex(&at, &out->ip) || (*at && *at != '\n'))
		return -EBADMSG;
	return 0;
}

int proc_schedstat_parse(const char *text, uint64_t *runs)
{
	unsigned long long n;

	if (sscanf(text, "%*u %*u %llu", &n) != 1)
		return -EBADMSG;
	*runs = n;
	return 0;
}

/* A line's value; names are at the beginning of a line, which no thread's name can be: its line
 * begins with "Name:" and newlines in it are escaped. */
static const char *value_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? at + strlen(name) : NULL;
}

int proc_switches_parse(const char *text, uint64_t *switches)
{
	const char *a = value_of(text, "\nvoluntary_ctxt_switches:");
	const char *b = value_of(text, "\nnonvoluntary_ctxt_switches:");

	if (!a || !b)
		return -EBADMSG;
	*switches = strtoull(a, NULL, 10) + strtoull(b, NULL, 10);
	return 0;
}

int proc_exec_start_parse(const char *text, uint64_t *ns)
{
	const char *at = value_of(text, "\nse.exec_start");
	unsigned long long ms;
	unsigned int frac;

	/* Milliseconds and six digits behind the point, SPLIT_NS() of kernel/sched/debug.c. */
	if (!at || sscanf(at, " : %llu.%6u", &ms, &frac) != 2 || ms > UINT64_MAX / 2000000)
		return -EBADMSG;
	*ns = ms * 1000000 + frac;
	return 0;
}

void proc_stack_parse(const char *text, char *out, size_t size)
{
	size_t used = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");
		const char *name = memchr(text, ' ', len);
		size_t n;

		/* Before 4.17 addresses stood in the brackets; either way the name follows. */
		if (name && text[0] == '[') {
			n = len - (size_t)(name + 1 - text);
			if (used + n + 2 > size)
				break;
			memcpy(out + used, name + 1, n);
			used += n;
			out[used++] = '\n';
		}
		text += len + (text[len] == '\n');
	}
	out[used] = '\0';
}
