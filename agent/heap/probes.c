// SPDX-License-Identifier: GPL-2.0-or-later
#include "probes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/privilege.h"
#include "filter.h"

/* Probes that one thread takes out, and the pauses of 5 ms that the agent's end waits for that. */
enum { CLOSE_EACH = 4, SETTLE_PAUSES = 2000 };

enum { PROBES_MAX = ALLOC_FUNCS_MAX * (PROBE_EXITS_MAX + 1) };

struct heap_probes {
	unsigned int n;
	unsigned int stepped;
	int fds[PROBES_MAX];
};

int uprobe_type(void)
{
	_cleanup_fclose_ FILE *f = fopen("/sys/bus/event_source/devices/uprobe/type", "re");
	int type;

	return f && fscanf(f, "%d", &type) == 1 ? type : -ENOENT;
}

/*
 * The event has no records of its own, and is not even enabled: its program runs in all threads of
 * the process that @tid belongs to.
 */
static int open_probe(int type, const char *path, pid_t tid, uint64_t offset, int program)
{
	struct perf_event_attr attr = {
		.type = (uint32_t)type,
		.size = sizeof(attr),
		.config1 = (uintptr_t)path,
		.config2 = offset,
		.sample_period = 1,
		.disabled = 1,
	};
	/* Since 6.17 CAP_PERFMON is not enough for that. */
	_cleanup_(privilege_lower) bool raised = privilege_raise();
	int fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ioctl(fd, PERF_EVENT_IOC_SET_BPF, program) < 0) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int add_probe(struct heap_probes *p, int type, const char *path, pid_t tid,
		     const struct probe_site *site, int program)
{
	_cleanup_close_ int owned = program;
	int fd = program < 0 ? program : open_probe(type, path, tid, site->offset, program);

	if (fd < 0)
		return fd;
	p->fds[p->n++] = fd;
	p->stepped += site->stepped;
	return 0;
}

/* What the probes of one image have in common. */
struct opening {
	struct heap_filter *filter;
	int type;
	pid_t tid;
	char path[32];
	const struct alloc_func *funcs;
	size_t n;
	uint32_t first;
	/* Functions that share code have one number, that of the first of them. */
	uint32_t group[ALLOC_FUNCS_MAX];
};

static bool same_exit(const struct alloc_func *a, const struct probe_site *x,
		      const struct alloc_func *b, const struct probe_site *y)
{
	return x->offset == y->offset && x->reg == y->reg && x->add == y->add &&
	       x->depth == y->depth && (a->kind == ALLOC_STORED) == (b->kind == ALLOC_STORED);
}

/* The function before @i that has this exit too; @i for none. */
static size_t first_with(const struct opening *o, size_t i, const struct probe_site *site)
{
	for (size_t k = 0; k < i; k++)
		for (uint32_t x = 0; x < o->funcs[k].sites.nexits; x++)
			if (same_exit(&o->funcs[i], site, &o->funcs[k],
				      &o->funcs[k].sites.exits[x]))
				return k;
	return i;
}

static void find_groups(struct opening *o)
{
	for (size_t i = 0; i < o->n; i++) {
		o->group[i] = (uint32_t)i;
		for (uint32_t x = 0; x < o->funcs[i].sites.nexits; x++) {
			uint32_t k = o->group[first_with(o, i, &o->funcs[i].sites.exits[x])];

			if (k < o->group[i])
				o->group[i] = k;
		}
	}
}

/* Exits before the entry: no call is followed of which the end is not seen. */
static int add_function(struct heap_probes *p, const struct opening *o, size_t i)
{
	const struct alloc_func *func = &o->funcs[i];
	uint32_t id = o->first + o->group[i];
	int err = 0;

	for (uint32_t x = 0; x < func->sites.nexits && !err; x++) {
		const struct probe_site *site = &func->sites.exits[x];
		size_t other = first_with(o, i, site);

		if (other == i || o->group[other] != o->group[i])
			err = add_probe(p, o->type, o->path, o->tid, site,
					heap_filter_exit(o->filter, func, site, id));
	}
	if (!err)
		err = add_probe(p, o->type, o->path, o->tid, &func->sites.entry,
				heap_filter_entry(o->filter, func, id));
	return err;
}

int heap_probes_open(struct heap_filter *f, pid_t tid, int fd, const struct alloc_func *funcs,
		     size_t n, uint32_t first, struct heap_probes **out)
{
	struct opening o = {.filter = f, .tid = tid, .funcs = funcs, .n = n, .first = first};
	struct heap_probes *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	o.type = uprobe_type();
	err = o.type < 0 ? o.type : n > ALLOC_FUNCS_MAX ? -E2BIG : 0;
	snprintf(o.path, sizeof(o.path), "/proc/self/fd/%d", fd);
	if (!err)
		find_groups(&o);
	/* Frees first: no block is followed of which the end is not seen. */
	for (int frees = 1; frees >= 0; frees--)
		for (size_t i = 0; i < n && !err; i++)
			if ((funcs[i].kind == ALLOC_FREE) == frees)
				err = add_function(p, &o, i);
	if (err) {
		heap_probes_close(p);
		return err;
	}
	*out = p;
	return 0;
}

/* Threads that close descriptors, and what one of them closes. */
static atomic_uint closers;

struct closing {
	unsigned int n;
	int fds[];
};

static void *close_some(void *arg)
{
	struct closing *c = arg;

	for (unsigned int i = 0; i < c->n; i++)
		close(c->fds[i]);
	free(c);
	atomic_fetch_sub(&closers, 1);
	return NULL;
}

/* False when there is no memory or no thread to be had. */
static bool close_elsewhere(const int *fds, unsigned int n)
{
	struct closing *c = malloc(sizeof(*c) + n * sizeof(*fds));
	pthread_attr_t attr;
	pthread_t thread;
	int err;

	if (!c)
		return false;
	c->n = n;
	memcpy(c->fds, fds, n * sizeof(*fds));
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	atomic_fetch_add(&closers, 1);
	err = pthread_create(&thread, &attr, close_some, c);
	pthread_attr_destroy(&attr);
	if (err) {
		atomic_fetch_sub(&closers, 1);
		free(c);
	}
	return !err;
}

/*
 * The kernel waits for all that might still be in a probe, for some 100 ms, and that for each one.
 * Threads wait side by side, and the loop does not.
 */
void heap_probes_close(struct heap_probes *p)
{
	if (!p)
		return;
	while (p->n) {
		unsigned int n = p->n < CLOSE_EACH ? p->n : CLOSE_EACH;

		p->n -= n;
		if (!close_elsewhere(p->fds + p->n, n))
			for (unsigned int i = 0; i < n; i++)
				close(p->fds[p->n + i]);
	}
	free(p);
}

bool heap_probes_closing(void)
{
	return atomic_load(&closers);
}

void heap_probes_settle(void)
{
	const struct timespec pause = {.tv_nsec = 5000000};

	for (unsigned int i = 0; i < SETTLE_PAUSES && heap_probes_closing(); i++)
		nanosleep(&pause, NULL);
}

unsigned int heap_probes_count(const struct heap_probes *p)
{
	return p->n;
}

unsigned int heap_probes_stepped(const struct heap_probes *p)
{
	return p->stepped;
}
