// SPDX-License-Identifier: GPL-2.0-or-later
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "../base/privilege.h"

enum { CPUS_MAX = 4096 };

#ifndef PERF_FORMAT_LOST
#define PERF_FORMAT_LOST (1U << 4)
#endif

/* The kernel is older than PERF_FORMAT_LOST: 6.0. */
static bool lost_unknown;

static int call_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	int fd;

	attr->size = sizeof(*attr);
	fd = call_open(attr, pid, cpu);
	/* Debian's kernels know a kernel.perf_event_paranoid of 3, their default, under which
	 * CAP_PERFMON is not enough. */
	if (fd < 0 && (errno == EACCES || errno == EPERM)) {
		_privilege_raised_ bool raised = privilege_raise();

		fd = call_open(attr, pid, cpu);
	}
	return fd;
}

/* Writes the CPUs of /sys/devices/system/cpu/online, "0-3,5", into @cpus; returns how many. */
static unsigned int online_cpus(unsigned int *cpus, unsigned int max)
{
	_cleanup_buf_ struct buf b = {.max = 64 << 10};
	unsigned int n = 0;
	char *at;

	if (buf_read_at(&b, AT_FDCWD, "/sys/devices/system/cpu/online"))
		return 0;
	buf_append(&b, "", 1);
	if (buf_error(&b))
		return 0;
	for (at = b.data; *at >= '0' && *at <= '9';) {
		unsigned long from = strtoul(at, &at, 10), to = from;

		if (*at == '-')
			to = strtoul(at + 1, &at, 10);
		for (; from <= to && n < max; from++)
			cpus[n++] = (unsigned int)from;
		if (*at == ',')
			at++;
	}
	return n;
}

static void ring_wants(struct loop_fd *w, uint32_t events)
{
	struct cpu_ring *r = (struct cpu_ring *)((char *)w - offsetof(struct cpu_ring, watch));
	struct event_set *s = r->set;

	/* The CPU went offline. What is in the ring is still read; the descriptor has nothing more
	 * to say. */
	if (events & (EPOLLHUP | EPOLLERR))
		loop_del(s->loop, w);
	s->ready(s->ctx);
}

static void cpu_ring_close(struct cpu_ring *r)
{
	loop_del(r->set->loop, &r->watch);
	ring_unmap(&r->ring);
	parts_deinit(&r->parts);
	for (unsigned int i = 0; i < EVENTS_PER_RING; i++)
		cleanup_close_(&r->fds[i]);
	free(r);
}

/* With the count of what is lost, where the kernel has it. */
static int open_counting(struct perf_event_attr *attr, unsigned int cpu)
{
	int fd;

	attr->read_format = lost_unknown ? 0 : PERF_FORMAT_LOST;
	fd = perf_event_open(attr, -1, (int)cpu);
	if (fd >= 0 || errno != EINVAL || lost_unknown)
		return fd;
	attr->read_format = 0;
	fd = perf_event_open(attr, -1, (int)cpu);
	lost_unknown = fd >= 0;
	return fd;
}

/* Event @i of the set on the ring's CPU, writing into the ring unless that is its own; enabled. */
static int open_event(const struct cpu_ring *r, unsigned int i, int *out)
{
	const struct event_spec *spec = &r->set->specs[i];
	struct perf_event_attr attr = spec->attr;
	_cleanup_close_ int fd = -1;

	attr.disabled = 1;
	attr.sample_id_all = 1;
	attr.use_clockid = 1;
	attr.clockid = CLOCK_MONOTONIC;
	attr.watermark = 1;
	attr.wakeup_watermark = (uint32_t)r->set->ring_bytes / 4;
	fd = open_counting(&attr, r->cpu);
	if (fd < 0 || (r->ring.page && ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, r->fds[0]) < 0) ||
	    (spec->filter && ioctl(fd, PERF_EVENT_IOC_SET_FILTER, spec->filter) < 0))
		return -errno;
	/* The first is enabled when its ring is there. */
	if (r->ring.page && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		return -errno;
	*out = take_fd(fd);
	return 0;
}

static int open_events(struct cpu_ring *r)
{
	const struct event_set *s = r->set;
	int err = open_event(r, 0, &r->fds[0]);

	if (!err)
		err = ring_map(&r->ring, r->fds[0], s->ring_bytes / (size_t)sysconf(_SC_PAGESIZE));
	for (unsigned int i = 1; i < s->nspecs && !err; i++)
		err = open_event(r, i, &r->fds[i]);
	if (!err)
		err = loop_add(s->loop, &r->watch, r->fds[0], EPOLLIN);
	if (!err && ioctl(r->fds[0], PERF_EVENT_IOC_ENABLE, 0) < 0)
		err = -errno;
	return err;
}

static int cpu_ring_open(struct event_set *s, unsigned int cpu)
{
	struct cpu_ring *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->set = s;
	r->cpu = cpu;
	for (unsigned int i = 0; i < EVENTS_PER_RING; i++)
		r->fds[i] = -1;
	r->watch = (struct loop_fd){.fd = -1, .cb = ring_wants};
	err = open_events(r);
	if (err) {
		cpu_ring_close(r);
		return err;
	}
	r->next = s->rings;
	s->rings = r;
	return 0;
}

static bool has_cpu(const struct event_set *s, unsigned int cpu)
{
	const struct cpu_ring *r = s->rings;

	/* One whose descriptor is no longer watched belongs to a CPU that was offline meanwhile. */
	while (r && (r->cpu != cpu || r->watch.fd < 0))
		r = r->next;
	return r;
}

/* Events of a CPU that went offline do not come back with it; what is in their rings is still read.
 */
static void forget_offline(struct event_set *s, const unsigned int *cpus, unsigned int n)
{
	for (struct cpu_ring *r = s->rings; r; r = r->next) {
		unsigned int i = 0;

		while (i < n && cpus[i] != r->cpu)
			i++;
		if (i == n)
			loop_del(s->loop, &r->watch);
	}
}

static int open_missing(struct event_set *s)
{
	_cleanup_free_ unsigned int *cpus = calloc(CPUS_MAX, sizeof(*cpus));
	unsigned int n = cpus ? online_cpus(cpus, CPUS_MAX) : 0;
	int err = n ? 0 : -ENODEV;

	if (n)
		forget_offline(s, cpus, n);
	for (unsigned int i = 0; i < n && !err; i++) {
		if (has_cpu(s, cpus[i]))
			continue;
		err = cpu_ring_open(s, cpus[i]);
		/* It went offline just now. */
		if (err == -ENODEV || err == -ENXIO)
			err = 0;
	}
	return err;
}

void event_set_rescan(struct event_set *s)
{
	int err = open_missing(s);

	if (err)
		log_warning("perf events on a new CPU: %s", strerror(-err));
}

static int set_spec(struct event_spec *to, const struct event_spec *from)
{
	char *filter = from->filter ? strdup(from->filter) : NULL;

	if (from->filter && !filter)
		return -ENOMEM;
	free((char *)to->filter);
	*to = (struct event_spec){.attr = from->attr, .filter = filter};
	return 0;
}

/* What an event has lost; 0 where the kernel does not say. */
static uint64_t lost_of(int fd)
{
	/* The event's own count, and what it lost. */
	uint64_t values[2];

	if (lost_unknown || read(fd, values, sizeof(values)) != sizeof(values))
		return 0;
	return values[1];
}

int event_set_replace(struct event_set *s, unsigned int i, const struct event_spec *spec)
{
	int err = set_spec(&s->specs[i], spec);

	for (struct cpu_ring *r = s->rings; r && !err; r = r->next) {
		int fd = -1;

		/* Its CPU is offline. */
		if (r->watch.fd < 0)
			continue;
		err = open_event(r, i, &fd);
		if (err)
			break;
		s->replaced += lost_of(r->fds[i]);
		close(r->fds[i]);
		r->fds[i] = fd;
	}
	return err;
}

uint64_t event_set_told(struct event_set *s, uint64_t n)
{
	return losses_told(&s->losses, n);
}

uint64_t event_set_untold(struct event_set *s)
{
	uint64_t lost = s->replaced;

	for (const struct cpu_ring *r = s->rings; r; r = r->next)
		for (unsigned int i = 0; i < s->nspecs; i++)
			lost += lost_of(r->fds[i]);
	return losses_counted(&s->losses, lost);
}

static int set_specs(struct event_set *s, const struct event_spec *specs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		if (set_spec(&s->specs[i], &specs[i]))
			return -ENOMEM;
	s->nspecs = n;
	return 0;
}

int event_set_open(struct loop *loop, const struct event_spec *specs, unsigned int n,
		   size_t ring_bytes, void (*ready)(void *ctx), void *ctx, struct event_set **out)
{
	struct event_set *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->ring_bytes = ring_bytes;
	s->ready = ready;
	s->ctx = ctx;
	err = set_specs(s, specs, n);
	if (!err)
		err = open_missing(s);
	if (!err && !s->rings)
		err = -ENODEV;
	if (err) {
		event_set_close(s);
		return err;
	}
	*out = s;
	return 0;
}

void event_set_close(struct event_set *s)
{
	if (!s)
		return;
	while (s->rings) {
		struct cpu_ring *r = s->rings;

		s->rings = r->next;
		cpu_ring_close(r);
	}
	for (unsigned int i = 0; i < EVENTS_PER_RING; i++)
		free((char *)s->specs[i].filter);
	free(s);
}
