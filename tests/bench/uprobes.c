// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bare uprobes, the least that probing can cost: uprobes PID SECONDS FILE OFFSET... puts perf's
 * uprobe events there, which do nothing but count, prints "armed", holds them, and prints what they
 * have counted.
 */
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROBES_MAX = 16 };

static int type_of_uprobes(void)
{
	FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type = -1;

	if (f && fscanf(f, "%d", &type) != 1)
		type = -1;
	if (f)
		fclose(f);
	return type;
}

static int open_one(int type, const char *file, uint64_t offset, pid_t pid)
{
	struct perf_event_attr attr = {
		.type = (uint32_t)type,
		.size = sizeof(attr),
		.config1 = (uintptr_t)file,
		.config2 = offset,
	};

	return (int)syscall(SYS_perf_event_open, &attr, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

int main(int argc, char **argv)
{
	int fds[PROBES_MAX], n = argc - 4, type = type_of_uprobes();

	if (n < 1 || n > PROBES_MAX || type < 0)
		return 2;
	for (int i = 0; i < n; i++) {
		fds[i] = open_one(type, argv[3], strtoull(argv[4 + i], NULL, 0), atoi(argv[1]));
		if (fds[i] < 0) {
			perror("perf_event_open");
			return 1;
		}
	}
	puts("armed");
	fflush(stdout);
	sleep((unsigned int)atoi(argv[2]));
	for (int i = 0; i < n; i++) {
		uint64_t count = 0;

		if (read(fds[i], &count, sizeof(count)) == sizeof(count))
			printf("%s %llu\n", argv[4 + i], (unsigned long long)count);
	}
	return 0;
}
