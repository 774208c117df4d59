// SPDX-License-Identifier: GPL-2.0-or-later
#include "clock.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "events.h"
#include "record.h"
#include "stack.h"

enum {
	/* What perf_event_open(2) allows at the most; the kernel cuts it to what a record holds. */
	DUMP_MAX = 65528,
	DUMP_MIN = 1024,
	/* Bounds of a ring, and what those of a set have together. */
	RING_MIN = 512 << 10,
	RING_MAX = 4 << 20,
	RINGS_TOTAL = 64 << 20,
};

static uint32_t dump_bytes = DUMP_MAX;

int dump_bytes_set(int64_t bytes)
{
	if (bytes < DUMP_MIN || bytes > DUMP_MAX)
		return -EINVAL;
	dump_bytes = (uint32_t)bytes & ~7u;
	return 0;
}

uint32_t dump_bytes_get(void)
{
	return dump_bytes;
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

bool clock_counts_cycles(void)
{
	return cycle_ns() > 0;
}

double clock_unit_ns(bool cycles)
{
	return cycles ? cycle_ns() : 1;
}

size_t clock_ring_bytes(unsigned int hz, unsigned int ms)
{
	size_t want = (size_t)hz * (dump_bytes + 1024) * ms / 1000, size = RING_MIN;
	long ncpus = sysconf(_SC_NPROCESSORS_ONLN);

	while (size < want && size < RING_MAX &&
	       size * 2 * (size_t)(ncpus > 0 ? ncpus : 1) <= RINGS_TOTAL)
		size *= 2;
	return size;
}

void clock_attr(struct perf_event_attr *attr, unsigned int hz, bool cycles)
{
	*attr = (struct perf_event_attr){
		.sample_type = RECORD_SAMPLE_TYPE,
		.sample_max_stack = KERNEL_FRAMES_MAX,
		.exclude_callchain_user = 1,
		.sample_regs_user = record_regs_mask,
		.sample_stack_user = dump_bytes,
		.exclude_guest = 1,
	};
	if (cycles) {
		attr->type = PERF_TYPE_HARDWARE;
		attr->config = PERF_COUNT_HW_CPU_CYCLES;
		attr->freq = 1;
		attr->sample_freq = hz;
	} else {
		attr->type = PERF_TYPE_SOFTWARE;
		attr->config = PERF_COUNT_SW_CPU_CLOCK;
		attr->sample_period = NSEC_PER_SEC / hz;
		attr->exclude_idle = 1;
	}
}
