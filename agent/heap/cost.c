// SPDX-License-Identifier: GPL-2.0-or-later
#include "cost.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../base/privilege.h"
#include "filter.h"
#include "probes.h"

enum { HITS = 500 };

#define HIT_NS_UNKNOWN 1000

/* A function that begins with an instruction that the kernel emulates. */
void kpprof_probe_me(void);
__asm__(".text\n"
	".globl kpprof_probe_me\n"
	".hidden kpprof_probe_me\n"
	".type kpprof_probe_me, @function\n"
	"kpprof_probe_me:\n"
	"	nop\n"
	"	ret\n"
	".size kpprof_probe_me, . - kpprof_probe_me\n");

/* The linker's name for the start of this program's first segment. */
extern const char __ehdr_start[];

static double thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * (double)NSEC_PER_SEC + (double)ts.tv_nsec;
}

static double measure(void)
{
	int type = uprobe_type();
	struct perf_event_attr attr = {
		.type = (uint32_t)type,
		.size = sizeof(attr),
		.config1 = (uintptr_t) "/proc/self/exe",
		.config2 = (uint64_t)((const char *)kpprof_probe_me - __ehdr_start),
	};
	_cleanup_(privilege_lower) bool raised = privilege_raise();
	_cleanup_close_ int fd = -1;
	uint64_t hits = 0;
	double from, to;

	if (type >= 0)
		fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (fd < 0)
		return HIT_NS_UNKNOWN;
	kpprof_probe_me();
	from = thread_ns();
	for (int i = 0; i < HITS; i++)
		kpprof_probe_me();
	to = thread_ns();
	/* A probe that was somewhere else was not hit. */
	if (read(fd, &hits, sizeof(hits)) != sizeof(hits) || hits <= HITS)
		return HIT_NS_UNKNOWN;
	return (to - from) / HITS;
}

double heap_hit_ns(void)
{
	static double ns;

	if (ns <= 0)
		ns = measure();
	return ns;
}

double heap_cost(const struct heap_counts *from, const struct heap_counts *to, uint64_t ns)
{
	uint64_t hits = 2 * (to->allocs - from->allocs) + (to->frees - from->frees);

	return ns ? (double)hits * heap_hit_ns() / (double)ns : 0;
}
