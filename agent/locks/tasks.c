// SPDX-License-Identifier: GPL-2.0-or-later
#include "tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../image/maps.h"
#include "../threads/dump.h"

/* A thread's number in its own namespace and in ours. */
struct task_number {
	pid_t local;
	pid_t global;
};

/* Status of a thread is a page; a name of a mapping is a path. */
enum { STATUS_BYTES = 16 << 10 };

static int compare_tids(const void *a, const void *b, void *ctx)
{
	const struct dump_thread *threads = ctx;
	pid_t x = threads[*(const uint32_t *)a].tid, y = threads[*(const uint32_t *)b].tid;

	return (x > y) - (x < y);
}

static bool space_thread(const struct space *s, pid_t tid)
{
	struct task_process *p = (struct task_process *)s;
	pid_t global = task_global(p, tid);
	int64_t i = global ? tasks_find(p->all, global) : -1;

	if (i >= 0)
		return p->all->threads[i].pid == s->pid;
	return global && task_exists(s->pid, global);
}

static int add_processes(struct tasks *t)
{
	for (size_t i = 0; i < t->n; i++) {
		pid_t pid = t->threads[i].pid;
		int64_t number = intern_add(&t->pids, &pid, sizeof(pid));

		if (number < 0)
			return -ENOMEM;
		t->process_of[i] = (uint32_t)number;
	}
	t->nprocesses = t->pids.n;
	t->processes = calloc(t->nprocesses + 1, sizeof(*t->processes));
	if (!t->processes)
		return -ENOMEM;
	for (uint32_t i = 0; i < t->nprocesses; i++) {
		struct task_process *p = &t->processes[i];
		size_t len;

		memcpy(&p->space.pid, intern_key(&t->pids, i, &len), sizeof(pid_t));
		p->space.read = space_read_vm;
		p->space.thread = space_thread;
		p->all = t;
		p->index = i;
		p->maps.max = TASK_MAPS_BYTES;
	}
	for (size_t i = 0; i < t->n; i++)
		t->processes[t->process_of[i]].nthreads++;
	return 0;
}

int tasks_init(struct tasks *t, const struct dump_thread *threads, size_t n)
{
	*t = (struct tasks){.threads = threads, .n = n};
	t->by_tid = calloc(n + 1, sizeof(*t->by_tid));
	t->process_of = calloc(n + 1, sizeof(*t->process_of));
	if (!t->by_tid || !t->process_of || add_processes(t)) {
		tasks_deinit(t);
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		t->by_tid[i] = (uint32_t)i;
	qsort_r(t->by_tid, n, sizeof(*t->by_tid), compare_tids, (void *)threads);
	return 0;
}

void tasks_deinit(struct tasks *t)
{
	for (uint32_t i = 0; t->processes && i < t->nprocesses; i++) {
		free(t->processes[i].numbers);
		buf_deinit(&t->processes[i].maps);
	}
	free(t->processes);
	free(t->by_tid);
	free(t->process_of);
	intern_deinit(&t->pids);
	*t = (struct tasks){0};
}

int64_t tasks_find(const struct tasks *t, pid_t tid)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		pid_t at = t->threads[t->by_tid[mid]].tid;

		if (at == tid)
			return t->by_tid[mid];
		if (at < tid)
			low = mid + 1;
		else
			high = mid;
	}
	return -1;
}

struct task_process *tasks_process(const struct tasks *t, pid_t pid)
{
	int64_t i = intern_find(&t->pids, &pid, sizeof(pid));

	return i < 0 ? NULL : &t->processes[i];
}

/* The last number of "NSpid:", and whether there is more than one. */
static pid_t read_local(pid_t pid, pid_t tid, bool *foreign)
{
	_cleanup_buf_ struct buf text = {0};
	char name[64];
	char *line, *end;
	long value = 0;
	int n = 0;

	snprintf(name, sizeof(name), "task/%d/status", (int)tid);
	if (proc_read(pid, name, STATUS_BYTES, &text))
		return 0;
	line = strstr(text.data, "\nNSpid:");
	if (!line)
		return 0;
	for (line += strlen("\nNSpid:"); *line == '\t' || *line == ' '; line = end, n++) {
		value = strtol(line, &end, 10);
		if (end == line || value <= 0 || value > TARGET_PID_MAX)
			return 0;
	}
	*foreign = n > 1;
	return (pid_t)value;
}

/* Only a process of another namespace needs a list of numbers. */
static void learn_numbers(struct task_process *p)
{
	const struct tasks *t = p->all;
	bool foreign = false;

	p->ns_known = true;
	if (!read_local(p->space.pid, p->space.pid, &foreign) || !foreign)
		return;
	p->numbers = calloc(p->nthreads + 1, sizeof(*p->numbers));
	for (size_t i = 0; p->numbers && i < t->n; i++) {
		pid_t tid = t->threads[i].tid;

		if (t->process_of[i] != p->index || p->nnumbers == p->nthreads)
			continue;
		p->numbers[p->nnumbers++] = (struct task_number){
			.local = read_local(p->space.pid, tid, &foreign),
			.global = tid,
		};
	}
}

pid_t task_global(struct task_process *p, pid_t local)
{
	if (!p->ns_known)
		learn_numbers(p);
	if (!p->numbers)
		return local;
	for (size_t i = 0; i < p->nnumbers; i++)
		if (p->numbers[i].local == local)
			return p->numbers[i].global;
	return 0;
}

bool task_exists(pid_t pid, pid_t tid)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d", (int)pid, (int)tid);
	return access(path, F_OK) == 0;
}

pid_t task_group(pid_t tid)
{
	long tgid = process_status(tid, "Tgid");

	return tgid > 0 && tgid <= TARGET_PID_MAX ? (pid_t)tgid : 0;
}

/* Calls @match for each shared mapping of the process until it is true. */
static bool each_shared(struct task_process *p, bool (*match)(void *ctx, const struct map_entry *e),
			void *ctx)
{
	if (!p->maps_known) {
		p->maps_known = true;
		if (proc_read(p->space.pid, "maps", TASK_MAPS_BYTES, &p->maps))
			buf_deinit(&p->maps);
	}
	for (const char *at = p->maps.data; at && *at;) {
		const char *end = strchrnul(at, '\n'), *space = memchr(at, ' ', (size_t)(end - at));
		struct map_entry e;
		char line[512];

		/* "start-end rw-s ...": of the path nothing is needed. */
		if (space && end - space > 5 && space[4] == 's') {
			snprintf(line, sizeof(line), "%.*s", (int)(end - at), at);
			if (maps_line_parse(line, &e) >= 0 && match(ctx, &e))
				return true;
		}
		at = *end ? end + 1 : end;
	}
	return false;
}

/* A place in shared memory: sought by address, or by file and offset. */
struct place {
	uint64_t addr;
	dev_t dev;
	ino_t ino;
	uint64_t offset;
};

static bool has_addr(void *ctx, const struct map_entry *e)
{
	struct place *at = ctx;

	if (at->addr < e->start || at->addr >= e->end)
		return false;
	at->dev = e->dev;
	at->ino = e->ino;
	at->offset = e->offset + (at->addr - e->start);
	return true;
}

static bool has_offset(void *ctx, const struct map_entry *e)
{
	const struct place *at = ctx;

	return e->dev == at->dev && e->ino == at->ino && at->offset >= e->offset &&
	       at->offset - e->offset < e->end - e->start;
}

bool task_same_memory(struct task_process *a, uint64_t addr, struct task_process *b)
{
	struct place at = {.addr = addr};

	return each_shared(a, has_addr, &at) && at.ino && each_shared(b, has_offset, &at);
}

void task_object(struct task_process *p, uint64_t addr, bool shared, uint64_t out[3])
{
	struct place at = {.addr = addr};

	out[0] = 0;
	out[1] = (uint64_t)p->space.pid;
	out[2] = addr;
	if (shared && each_shared(p, has_addr, &at) && at.ino) {
		out[0] = at.dev;
		out[1] = at.ino;
		out[2] = at.offset;
	}
}
