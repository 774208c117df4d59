// SPDX-License-Identifier: GPL-2.0-or-later
/* What tests of heap arms ask: the counts of one, and the code of a process as it is in memory. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/genetlink.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

enum { STEP = 4096 };

static int print_count(const struct nlattr *a, void *data)
{
	static const char *const names[__KPPROF_A_MAX] = {
		[KPPROF_A_ALLOCS] = "allocs",	  [KPPROF_A_ALLOC_BYTES] = "bytes",
		[KPPROF_A_FREES] = "frees",	  [KPPROF_A_LIVE] = "live",
		[KPPROF_A_OVERFLOW] = "overflow", [KPPROF_A_UNPLACED] = "unplaced",
		[KPPROF_A_MISSED] = "missed",	  [KPPROF_A_DROPPED] = "dropped",
	};
	unsigned int type = mnl_attr_get_type(a);

	(void)data;
	if (type <= KPPROF_A_MAX && names[type])
		printf("%s=%llu\n", names[type], (unsigned long long)mnl_attr_get_u64(a));
	return MNL_CB_OK;
}

static int print_counts(const struct nlmsghdr *nlh, void *ctx)
{
	return mnl_attr_parse(nlh, sizeof(struct genlmsghdr), print_count, ctx);
}

int kpt_heap(unsigned int arm)
{
	mnl_attr_put_u32(kpt_begin(KPPROF_CMD_HEAP, 0), KPPROF_A_ARM, arm);
	kpt_must(kpt_talk(print_counts, NULL), "HEAP");
	return 0;
}

static void put_probes(struct nlmsghdr *nlh, char **probes, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, KPPROF_A_PROBE);
		unsigned long address = 0, ahead = 0;
		unsigned int kind = 0;

		sscanf(probes[i], "%u:%lx+%lu", &kind, &address, &ahead);
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_START, address);
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_AT, address + ahead);
		mnl_attr_put_u32(nlh, KPPROF_PROBE_A_KIND, kind);
		mnl_attr_put_u32(nlh, KPPROF_PROBE_A_FUNC, i);
		mnl_attr_nest_end(nlh, nest);
	}
}

int kpt_heap_arm(unsigned int id, unsigned int rate, const char *pid, char **probes, unsigned int n)
{
	struct nlmsghdr *nlh = kpt_begin(KPPROF_CMD_ARM, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, id);
	mnl_attr_put(nlh, KPPROF_A_HEAP, 0, NULL);
	mnl_attr_put_u64(nlh, KPPROF_A_RATE, rate);
	mnl_attr_put_u32(nlh, KPPROF_A_PID, (unsigned int)atoi(pid));
	put_probes(nlh, probes, n);
	return kpt_talk(NULL, NULL);
}

int kpt_probe(unsigned int rate, const char *pid, long seconds, char **probes, unsigned int n)
{
	kpt_must(kpt_heap_arm(0, rate, pid, probes, n), "ARM of a heap");
	puts("armed");
	fflush(stdout);
	sleep((unsigned int)seconds);
	return 0;
}

void kpt_heap_disarm(unsigned int id, const char *pid)
{
	struct nlmsghdr *nlh = kpt_begin(KPPROF_CMD_DISARM, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, id);
	if (pid)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, (unsigned int)atoi(pid));
	kpt_must(kpt_talk(NULL, NULL), "DISARM of a heap");
}

/* Bytes of a mapping that differ from its file. */
static unsigned long compare(int mem, const char *pid, unsigned long start, unsigned long end,
			     unsigned long offset)
{
	unsigned char have[STEP], want[STEP];
	unsigned long differ = 0;
	char path[128];
	int file;

	snprintf(path, sizeof(path), "/proc/%s/map_files/%lx-%lx", pid, start, end);
	file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return 0;
	for (unsigned long at = 0; at < end - start; at += STEP) {
		ssize_t n = pread(file, want, STEP, (off_t)(offset + at));

		if (n <= 0 || pread(mem, have, (size_t)n, (off_t)(start + at)) != n)
			continue;
		for (ssize_t i = 0; i < n; i++)
			differ += have[i] != want[i];
	}
	close(file);
	return differ;
}

int kpt_text(const char *pid)
{
	unsigned long start, end, offset, differ = 0, files = 0;
	char path[64], line[512], mode[8];
	FILE *maps;
	int mem;

	snprintf(path, sizeof(path), "/proc/%s/mem", pid);
	mem = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%s/maps", pid);
	maps = fopen(path, "re");
	if (mem < 0 || !maps)
		return 1;
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, mode, &offset) != 4 ||
		    mode[2] != 'x' || !strchr(line, '/'))
			continue;
		differ += compare(mem, pid, start, end, offset);
		files++;
	}
	fclose(maps);
	close(mem);
	printf("%lu\n", differ);
	return !files;
}

/* ---- abuse */

/* push %rbx; mov %rdi,%rbx; and what is never run. */
void kpt_code(void);
__asm__(".text\n"
	"kpt_code: push %rbx\n"
	"	mov %rdi, %rbx\n"
	"	vzeroupper\n"
	"	pop %rbx\n"
	"	ret\n");

static char data[64];

struct abuse {
	const char *what;
	int want;
	uint64_t rate;
	unsigned int pids;
	bool box;
	bool probe;
	uint64_t start;
	uint64_t at;
	unsigned int kind;
};

static int try_arm(const struct abuse *a)
{
	struct nlmsghdr *nlh = kpt_begin(KPPROF_CMD_ARM, 0);
	struct nlattr *nest;

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, 3);
	mnl_attr_put(nlh, KPPROF_A_HEAP, 0, NULL);
	if (a->rate)
		mnl_attr_put_u64(nlh, KPPROF_A_RATE, a->rate);
	if (a->box)
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	for (unsigned int i = 0; i < a->pids; i++)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)getpid());
	if (a->probe) {
		nest = mnl_attr_nest_start(nlh, KPPROF_A_PROBE);
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_START, a->start);
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_AT, a->at);
		mnl_attr_put_u32(nlh, KPPROF_PROBE_A_KIND, a->kind);
		mnl_attr_nest_end(nlh, nest);
	}
	return kpt_talk(NULL, NULL);
}

static int ask_heap(unsigned int id)
{
	mnl_attr_put_u32(kpt_begin(KPPROF_CMD_HEAP, 0), KPPROF_A_ARM, id);
	return kpt_talk(NULL, NULL);
}

void kpt_heap_abuse(void)
{
	const uint64_t code = (uint64_t)(uintptr_t)kpt_code, no_code = (uint64_t)(uintptr_t)data;
	const struct abuse all[] = {
		{"a heap without a rate", -EINVAL},
		{"a heap of too high a rate", -EINVAL, .rate = KPPROF_HEAP_RATE_MAX + 1},
		{"a heap of the box", -EINVAL, .rate = 1, .box = true},
		{"a heap of a process without probes", -EINVAL, .rate = 1, .pids = 1},
		{"a heap of two processes", -EINVAL, 1, 2, .probe = true, .start = code,
		 .at = code},
		{"a probe at no address", -EFAULT, 1, 1, .probe = true},
		{"a probe in data", -EFAULT, 1, 1, .probe = true, .start = no_code, .at = no_code},
		{"a probe before its function", -EINVAL, 1, 1, .probe = true, .start = code,
		 .at = code - 1},
		{"a probe far in its function", -EINVAL, 1, 1, .probe = true, .start = code,
		 .at = code + KPPROF_PROBE_AHEAD + 1},
		{"a probe in an instruction", -EILSEQ, 1, 1, .probe = true, .start = code,
		 .at = code + 2},
		{"a probe behind what is not known", -EILSEQ, 1, 1, .probe = true, .start = code,
		 .at = code + 7},
		{"a kind that there is not", -ERANGE, 1, 1, .probe = true, .start = code,
		 .at = code, .kind = __KPPROF_ALLOC_KINDS},
		{"a probe", 0, 1, 1, .probe = true, .start = code, .at = code + 4},
		{"the same process again", -EEXIST, 1, 1, .probe = true, .start = code, .at = code},
		{"another rate", -EINVAL, .rate = 2},
		{"the same rate", 0, .rate = 1},
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		kpt_expect(all[i].what, try_arm(&all[i]), all[i].want);
	kpt_expect("HEAP of it", ask_heap(3), 0);
	kpt_expect("HEAP of no arm", ask_heap(4), -ENOENT);
}

void kpt_heap_put(struct nlmsghdr *nlh, unsigned int r)
{
	struct nlattr *nest;

	mnl_attr_put(nlh, KPPROF_A_HEAP, 0, NULL);
	mnl_attr_put_u64(nlh, KPPROF_A_RATE, r % 5 ? 4096 : r);
	if (r & 1)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)getpid());
	for (unsigned int i = 0; i < r % 4; i++) {
		nest = mnl_attr_nest_start(nlh, KPPROF_A_PROBE);
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_START,
				 (uint64_t)(uintptr_t)(r & 8 ? (void *)malloc : data));
		mnl_attr_put_u64(nlh, KPPROF_PROBE_A_AT,
				 (uint64_t)(uintptr_t)(r & 8 ? (void *)malloc : data) + (r & 16));
		mnl_attr_put_u32(nlh, KPPROF_PROBE_A_KIND, r % 8);
		mnl_attr_nest_end(nlh, nest);
	}
}
