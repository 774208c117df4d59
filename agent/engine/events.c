// SPDX-License-Identifier: GPL-2.0-or-later
#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
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
#include "engine.h"
#include "record.h"

enum {
	/* What perf_event_open(2) allows at the most; the kernel cuts it to what a record holds. */
	DUMP_MAX = 65528,
	DUMP_MIN = 1024,
	/* The rings of a set hold a quarter of a second, within these bounds. */
	RING_MIN = 512 << 10,
	RING_MAX = 4 << 20,
	RINGS_TOTAL = 64 << 20,
	RING_SIDE = 256 << 10,
	CPUS_MAX = 4096,
};

static uint32_t dump_bytes = DUMP_MAX;

int dump_bytes_set(int64_t bytes)
{
	if (bytes < DUMP_MIN || bytes > DUMP_MAX)
		return -EINVAL;
	dump_bytes = (uint32_t)bytes & ~7u;
	return 0;
}

static int perf_event_open(struct perf_event_attr *attr, pid_t pid, int cpu)
{
	attr->size = sizeof(*attr);
	return (int)syscall(SYS_perf_event_open, attr, pid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static uint64_t thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
}

/*
 * Nanoseconds per cycle of a busy CPU, or 0 when cycles are not counted: virtual machines often
 * offer the event without a counter behind it. Measured once, over a millisecond of work.
 */
static double cycle_ns(void)
{
	static double ns = -1;
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.config = PERF_COUNT_HW_CPU_CYCLES,
		.exclude_hv = 1,
	};
	_cleanup_close_ int fd = -1;
	uint64_t from, cycles = 0;

	if (ns >= 0)
		return ns;
	ns = 0;
	fd = perf_event_open(&attr, 0, -1);
	if (fd < 0)
		return ns;
	from = thread_ns();
	while (thread_ns() - from < NSEC_PER_MSEC)
		;
	if (read(fd, &cycles, sizeof(cycles)) == sizeof(cycles) && cycles)
		ns = (double)(thread_ns() - from) / (double)cycles;
	return ns;
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

static size_t ring_bytes(const struct event_set *s)
{
	/* The module's samples are small, but for the first ones, which come with their stack. */
	size_t want = (size_t)s->hz * (dump_bytes + 1024) / 4, size = RING_MIN;
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (s->side)
		return RING_SIDE;
	while (size < want && size < RING_MAX &&
	       size * 2 * (size_t)(ncpus > 0 ? ncpus : 1) <= RINGS_TOTAL)
		size *= 2;
	return size;
}

static void fill_attr(const struct event_set *s, struct perf_event_attr *attr)
{
	*attr = (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.config = PERF_COUNT_SW_DUMMY,
		.sample_type = RECORD_ID_TYPE,
		.disabled = 1,
		.sample_id_all = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = 1,
		.wakeup_watermark = (uint32_t)ring_bytes(s) / 4,
	};
	if (s->side) {
		attr->mmap = 1;
		attr->mmap2 = 1;
		attr->comm = 1;
		attr->comm_exec = 1;
		attr->task = 1;
		return;
	}
	attr->sample_max_stack = KERNEL_FRAMES_MAX;
	attr->exclude_callchain_user = 1;
	if (s->module) {
		attr->type = PERF_TYPE_TRACEPOINT;
		attr->config = s->module->cpu;
		attr->sample_type = RECORD_MODULE_TYPE;
		attr->sample_period = 1;
		return;
	}
	attr->sample_type = RECORD_SAMPLE_TYPE;
	attr->sample_regs_user = record_regs_mask;
	attr->sample_stack_user = dump_bytes;
	attr->exclude_guest = 1;
	if (s->cycles) {
		attr->type = PERF_TYPE_HARDWARE;
		attr->config = PERF_COUNT_HW_CPU_CYCLES;
		attr->freq = 1;
		attr->sample_freq = s->hz;
	} else {
		attr->config = PERF_COUNT_SW_CPU_CLOCK;
		attr->sample_period = s->period_ns;
		attr->exclude_idle = 1;
	}
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
	cleanup_close_(&r->fd2);
	cleanup_close_(&r->fd);
	free(r);
}

/* The events of other arms are for other rings. */
static int choose_arm(const struct event_set *s, int fd)
{
	char filter[32];

	snprintf(filter, sizeof(filter), "arm == %u", s->arm);
	return ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter) < 0 ? -errno : 0;
}

/* The module's second event, for samples that come with their stack, in the ring of the first. */
static int open_second(struct cpu_ring *r, struct perf_event_attr *attr)
{
	const struct event_set *s = r->set;
	int err;

	attr->config = s->module->stack;
	r->fd2 = perf_event_open(attr, -1, (int)r->cpu);
	if (r->fd2 < 0 || ioctl(r->fd2, PERF_EVENT_IOC_SET_OUTPUT, r->fd) < 0)
		return -errno;
	err = choose_arm(s, r->fd2);
	if (!err)
		err = choose_arm(s, r->fd);
	if (!err && ioctl(r->fd2, PERF_EVENT_IOC_ENABLE, 0) < 0)
		err = -errno;
	return err;
}

static int cpu_ring_open(struct event_set *s, unsigned int cpu)
{
	struct cpu_ring *r = calloc(1, sizeof(*r));
	struct perf_event_attr attr;
	int err;

	if (!r)
		return -ENOMEM;
	r->set = s;
	r->cpu = cpu;
	r->fd2 = -1;
	r->watch = (struct loop_fd){.fd = -1, .cb = ring_wants};
	fill_attr(s, &attr);
	r->fd = perf_event_open(&attr, -1, (int)cpu);
	err = r->fd < 0 ? -errno : 0;
	if (!err)
		err = ring_map(&r->ring, r->fd, ring_bytes(s) / (size_t)sysconf(_SC_PAGESIZE));
	if (!err && s->module)
		err = open_second(r, &attr);
	if (!err)
		err = loop_add(s->loop, &r->watch, r->fd, EPOLLIN);
	if (!err && ioctl(r->fd, PERF_EVENT_IOC_ENABLE, 0) < 0)
		err = -errno;
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

static void close_rings(struct event_set *s)
{
	while (s->rings) {
		struct cpu_ring *r = s->rings;

		s->rings = r->next;
		cpu_ring_close(r);
	}
}

bool cycle_counter_works(void)
{
	return cycle_ns() > 0;
}

void event_set_clock(struct event_set *s, bool cycles)
{
	s->cycles = cycles;
	s->unit_ns = cycles ? cycle_ns() : 1;
}

int event_set_open(struct loop *loop, unsigned int hz, const struct record_module *module,
		   unsigned int arm, void (*ready)(void *ctx), void *ctx, struct event_set **out)
{
	struct event_set *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->loop = loop;
	s->side = !hz;
	s->hz = hz;
	s->period_ns = hz ? NSEC_PER_SEC / hz : 0;
	s->module = module;
	s->arm = arm;
	s->cycles = hz && !module && cycle_counter_works();
	s->ready = ready;
	s->ctx = ctx;
	err = open_missing(s);
	/* Counters that others hold, or a rate over what the kernel allows for them: the clock
	 * still goes. */
	if (err && s->cycles) {
		s->cycles = false;
		close_rings(s);
		err = open_missing(s);
	}
	event_set_clock(s, s->cycles);
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
	if (s)
		close_rings(s);
	free(s);
}
