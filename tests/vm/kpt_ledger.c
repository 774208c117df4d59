// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A storm of heap arms (tests/vm/t_heap_storm): clients come and go in all ways. Where an arm is
 * kept for so long, its books are checked: perf counts the module's records as they are made, with
 * nothing between that could lose one, and the module counts what comes to no record.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <linux/genetlink.h>
#include <linux/perf_event.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

enum { CPUS_MAX = 8, PATIENCE = 600 };

/**
 * struct ledger - what has become of the samples of one arm
 * @fds: perf's counters, by kind of record and CPU; 0 for none
 * @have: the module's own counts, by attribute
 */
struct ledger {
	int fds[KPPROF_HEAP_FREED + 1][CPUS_MAX];
	uint64_t have[__KPPROF_A_MAX];
};

static void nap(unsigned int ms)
{
	const struct timespec ts = {.tv_sec = ms / 1000, .tv_nsec = 1000000l * (ms % 1000)};

	nanosleep(&ts, NULL);
}

static int take(const struct nlattr *a, void *data)
{
	struct ledger *l = data;
	unsigned int type = mnl_attr_get_type(a), len = mnl_attr_get_payload_len(a);

	if (type <= KPPROF_A_MAX && len == sizeof(uint64_t))
		l->have[type] = mnl_attr_get_u64(a);
	else if (type <= KPPROF_A_MAX && len == sizeof(uint32_t))
		l->have[type] = mnl_attr_get_u32(a);
	return MNL_CB_OK;
}

static int take_all(const struct nlmsghdr *nlh, void *ctx)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take, ctx);
}

static void look(struct ledger *l)
{
	kpt_begin(KPPROF_CMD_STATUS, 0);
	kpt_must(kpt_talk(take_all, l), "STATUS");
}

static int open_counter(uint64_t id, const char *filter, int cpu)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = id,
	};
	int fd = (int)syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC);

	if (fd < 0)
		kpt_must(-errno, "perf_event_open");
	if (ioctl(fd, PERF_EVENT_IOC_SET_FILTER, filter))
		kpt_must(-errno, filter);
	return fd;
}

static void ledger_open(struct ledger *l, unsigned int arm)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char filter[64];

	*l = (struct ledger){0};
	look(l);
	for (unsigned int what = KPPROF_HEAP_SAMPLED; what <= KPPROF_HEAP_FREED; what++) {
		snprintf(filter, sizeof(filter), "what == %u && arm == %u", what, arm);
		for (int cpu = 0; cpu < cpus && cpu < CPUS_MAX; cpu++)
			l->fds[what][cpu] = open_counter(l->have[KPPROF_A_EVENT_HEAP], filter, cpu);
	}
}

static uint64_t ledger_sum(const struct ledger *l, unsigned int what)
{
	uint64_t sum = 0, n;

	for (int cpu = 0; cpu < CPUS_MAX; cpu++)
		if (l->fds[what][cpu] && read(l->fds[what][cpu], &n, sizeof(n)) == sizeof(n))
			sum += n;
	return sum;
}

/*
 * The arm's process is disarmed: each sample was placed or is counted as one that was not, nothing
 * was freed that had no place, and nothing is followed any more. Calls that were on their way have
 * their threads' next turn to end.
 */
static void ledger_check(struct ledger *l, unsigned int arm)
{
	uint64_t sampled, placed, freed, told;
	unsigned int tries = PATIENCE;

	for (look(l); l->have[KPPROF_A_HOOK_RETURNS] && --tries; look(l))
		nap(100);
	mnl_attr_put_u32(kpt_begin(KPPROF_CMD_HEAP, 0), KPPROF_A_ARM, arm);
	kpt_must(kpt_talk(take_all, l), "HEAP");
	sampled = ledger_sum(l, KPPROF_HEAP_SAMPLED);
	placed = ledger_sum(l, KPPROF_HEAP_PLACED);
	freed = ledger_sum(l, KPPROF_HEAP_FREED);
	told = placed + l->have[KPPROF_A_UNPLACED];
	printf("sampled=%llu placed=%llu freed=%llu unplaced=%llu overflow=%llu missed=%llu "
	       "dropped=%llu "
	       "live=%llu returns=%llu\n",
	       (unsigned long long)sampled, (unsigned long long)placed, (unsigned long long)freed,
	       (unsigned long long)l->have[KPPROF_A_UNPLACED],
	       (unsigned long long)l->have[KPPROF_A_OVERFLOW],
	       (unsigned long long)l->have[KPPROF_A_MISSED],
	       (unsigned long long)l->have[KPPROF_A_DROPPED],
	       (unsigned long long)l->have[KPPROF_A_LIVE],
	       (unsigned long long)l->have[KPPROF_A_HOOK_RETURNS]);
	/* What is dropped may be a sample, or one that was placed and is not followed. */
	if (told > sampled || told + l->have[KPPROF_A_DROPPED] < sampled || freed > placed ||
	    l->have[KPPROF_A_LIVE] || l->have[KPPROF_A_HOOK_RETURNS])
		kpt_must(-EBADMSG, "the books");
}

int kpt_probe_live(unsigned int i, const char *pid, char **probes, unsigned int n)
{
	unsigned int id = i % KPPROF_ARMS_MAX, rate = 1 + i % 7 * 1000;
	struct ledger l;

	if (i % 4 == 2)
		ledger_open(&l, id);
	kpt_must(kpt_heap_arm(id, rate, pid, probes, n), "ARM of a heap");
	/* A second one on the same instructions. */
	if (i % 2)
		kpt_must(kpt_heap_arm((i + 1) % KPPROF_ARMS_MAX, 4096, pid, probes, n),
			 "ARM of another");
	nap(1 + i % 40);
	if (i % 4 == 1)
		kpt_heap_disarm(id, NULL);
	if (i % 4 == 2) {
		kpt_heap_disarm(id, pid);
		ledger_check(&l, id);
	}
	/* The rest ends with its socket. */
	return 0;
}
