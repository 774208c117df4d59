// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Text of files under /proc/PID, in which programs have a say: names, paths. The first byte chooses
 * the file: 0, maps; 1, stat; 2, syscall; 3, schedstat; 4, status; 5, sched; 6, stack.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../agent/base/cleanup.h"
#include "../../agent/image/maps.h"
#include "../../agent/threads/proc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(cond)               \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

/* Sorted, none empty, none over another, as the walker needs them; and each can be found. */
static void check_maps(const struct maps *m)
{
	for (uint32_t i = 0; i < m->n; i++) {
		must(m->walk[i].start < m->walk[i].end);
		must(!i || m->walk[i - 1].end <= m->walk[i].start);
		must(maps_find(m, m->walk[i].start) == i);
		must(maps_find(m, m->walk[i].end - 1) == i);
	}
	maps_find(m, 0);
	maps_find(m, UINT64_MAX);
}

static void use_maps(char *text)
{
	struct maps *m = maps_create(), *shared = NULL;
	char *next = text, *line;

	must(m);
	while ((line = strsep(&next, "\n"))) {
		struct map_entry e;

		if (maps_line_parse(line, &e) != 1)
			continue;
		must(e.path && strlen(e.path) <= strlen(line) + (size_t)(e.path - line));
		/* Somebody holds what was before, now and then. */
		if (!shared && m->n == 3)
			shared = maps_get(m);
		maps_insert(&m, &e, NULL);
		check_maps(m);
	}
	if (shared)
		must(shared->n == 3);
	maps_put(shared);
	maps_put(m);
}

static void use_stat(const char *text)
{
	struct proc_stat stat;

	if (proc_stat_parse(text, &stat) == 0)
		must(strlen(stat.name) < sizeof(stat.name));
}

static void use_stack(const char *text, size_t size)
{
	for (size_t room = 1; room < 200; room += 33) {
		/* Of its own, so that writing over its end is noticed. */
		_cleanup_free_ char *out = malloc(room);

		must(out);
		proc_stack_parse(text, out, room);
		must(memchr(out, '\0', room) && strlen(out) <= size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_free_ char *text = NULL;
	struct proc_syscall call;
	uint64_t number;

	if (!size)
		return 0;
	text = malloc(size);
	must(text);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 7) {
	case 0:
		use_maps(text);
		break;
	case 1:
		use_stat(text);
		break;
	case 2:
		proc_syscall_parse(text, &call);
		break;
	case 3:
		proc_schedstat_parse(text, &number);
		break;
	case 4:
		proc_switches_parse(text, &number);
		break;
	case 5:
		proc_exec_start_parse(text, &number);
		break;
	case 6:
		use_stack(text, size);
		break;
	}
	return 0;
}
