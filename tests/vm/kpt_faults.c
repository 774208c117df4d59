// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every allocation of every command fails once: /proc/thread-self/fail-nth makes the n-th one of
 * this thread fail, for n = 1, 2, ... until a command ends without (a kernel with
 * CONFIG_FAULT_INJECTION; tests/vm/t_faults sets it up). A command that answers an error has
 * changed nothing, and when all is taken back nothing is left.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

/* No command has so many allocations; loading the module has some hundred. */
#define NTH_MAX 5000

enum { SMALL = 1, BIG = 2, BIG_ROWS = 200000, MAPS = 40 };

static int fail_nth = -1;

static void fail_at(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	if (pwrite(fail_nth, text, (size_t)len, 0) != len)
		kpt_must(-errno, "fail-nth");
}

/* Whether the n-th allocation came, and failed; none fails from now on. */
static bool has_failed(void)
{
	char text[16] = "";

	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0)
		kpt_must(-errno, "fail-nth");
	fail_at(0);
	return atoi(text) == 0;
}

/* ---- what the module says is there */

enum { COUNTERS, PROBES, UPROBES, RETURNS, TARGETS, ARMS, THREADS, IMAGES, BYTES, COUNTS };

static const struct {
	unsigned int type;
	const char *name;
} kinds[COUNTS] = {
	[COUNTERS] = {KPPROF_A_HOOK_COUNTERS, "counters"},
	[PROBES] = {KPPROF_A_HOOK_PROBES, "probes"},
	[UPROBES] = {KPPROF_A_HOOK_UPROBES, "uprobes"},
	[RETURNS] = {KPPROF_A_HOOK_RETURNS, "returns"},
	[TARGETS] = {KPPROF_A_NTARGETS, "targets"},
	[ARMS] = {KPPROF_A_NARMS, "arms"},
	[THREADS] = {KPPROF_A_NTHREADS, "threads"},
	[IMAGES] = {KPPROF_A_NIMAGES, "images"},
	[BYTES] = {KPPROF_A_IMAGE_BYTES, "bytes"},
};

struct counts {
	uint64_t of[COUNTS];
};

static int take_count(const struct nlattr *a, void *data)
{
	struct counts *c = data;

	for (int i = 0; i < COUNTS; i++)
		if (mnl_attr_get_type(a) == kinds[i].type)
			c->of[i] = mnl_attr_get_payload_len(a) == 4 ? mnl_attr_get_u32(a)
								    : mnl_attr_get_u64(a);
	return MNL_CB_OK;
}

static int take_status(const struct nlmsghdr *nlh, void *ctx)
{
	return mnl_attr_parse(nlh, 4, take_count, ctx);
}

static struct counts count(void)
{
	struct counts c = {0};

	kpt_begin(KPPROF_CMD_STATUS, 0);
	kpt_must(kpt_talk(take_status, &c), "STATUS");
	return c;
}

/* Memory is given back after a grace period. */
static void expect_counts(const struct counts *want, const char *name, unsigned int n)
{
	struct counts have = count();

	for (int i = 0; i < 400 && memcmp(&have, want, sizeof(have)); i++) {
		nanosleep(&(struct timespec){.tv_nsec = 25000000}, NULL);
		have = count();
	}
	for (int i = 0; i < COUNTS; i++) {
		if (have.of[i] == want->of[i])
			continue;
		fprintf(stderr, "kpt: %s, allocation %u failed: %s %llu instead of %llu\n", name, n,
			kinds[i].name, (unsigned long long)have.of[i],
			(unsigned long long)want->of[i]);
		exit(1);
	}
}

/* ---- commands */

struct item {
	uint16_t type;
	uint16_t len;
	const void *data;
};

#define U32(type, value)             \
	{                            \
		type, 4, &(uint32_t) \
		{                    \
			value        \
		}                    \
	}
#define FLAG(type)            \
	{                     \
		type, 0, NULL \
	}
#define SAY(cmd, ...)  say(cmd, 0, (const struct item[]){__VA_ARGS__, {0}})
#define DUMP(cmd, ...) say(cmd, NLM_F_DUMP, (const struct item[]){__VA_ARGS__ __VA_OPT__(, ){0}})

static int say(unsigned int cmd, unsigned int flags, const struct item *items)
{
	struct nlmsghdr *nlh = kpt_begin(cmd, flags);

	for (; items->type; items++)
		mnl_attr_put(nlh, items->type, items->len, items->data);
	return kpt_talk(NULL, NULL);
}

static int run_status(void)
{
	kpt_begin(KPPROF_CMD_STATUS, 0);
	return kpt_talk(NULL, NULL);
}

static int run_listen(void)
{
	return SAY(KPPROF_CMD_LISTEN, {KPPROF_A_LISTEN, 15, "127.0.0.1:6060"},
		   U32(KPPROF_A_LEASE, 60));
}

static int arm_process(void)
{
	return SAY(KPPROF_CMD_ARM, U32(KPPROF_A_ARM, 0), U32(KPPROF_A_HZ, 99),
		   U32(KPPROF_A_PID, (uint32_t)getpid()), U32(KPPROF_A_PID, 1));
}

static int arm_box(void)
{
	return SAY(KPPROF_CMD_ARM, U32(KPPROF_A_ARM, 1), U32(KPPROF_A_HZ, 49), FLAG(KPPROF_A_BOX));
}

static int watch_block(void)
{
	return SAY(KPPROF_CMD_ARM, U32(KPPROF_A_ARM, 2), U32(KPPROF_A_WATCH, KPPROF_WATCH_BLOCK),
		   U32(KPPROF_A_PID, (uint32_t)getpid()));
}

static int watch_all(void)
{
	return SAY(KPPROF_CMD_ARM, U32(KPPROF_A_ARM, 2), U32(KPPROF_A_WATCH, KPPROF_WATCH_ALL),
		   U32(KPPROF_A_PID, (uint32_t)getpid()));
}

static int arm_all(void)
{
	int err = arm_process();

	return err ? err : watch_all();
}

static int disarm_one(void)
{
	return SAY(KPPROF_CMD_DISARM, U32(KPPROF_A_ARM, 2));
}

static int disarm_process(void)
{
	return SAY(KPPROF_CMD_DISARM, U32(KPPROF_A_ARM, 2), U32(KPPROF_A_PID, (uint32_t)getpid()));
}

static int disarm_all(void)
{
	kpt_begin(KPPROF_CMD_DISARM, 0);
	return kpt_talk(NULL, NULL);
}

static int begin_image(void)
{
	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, SMALL), U32(KPPROF_A_NROWS, 3),
		   U32(KPPROF_A_NRULES, 2));
}

static int begin_big_image(void)
{
	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, BIG), U32(KPPROF_A_NROWS, BIG_ROWS),
		   U32(KPPROF_A_NRULES, 2));
}

static int send_rows(void)
{
	static const uint32_t pcs[] = {0, 16, 32};
	static const uint16_t index[] = {0, 1, 0};

	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, SMALL), U32(KPPROF_A_AT, 0),
		   {KPPROF_A_PCS, sizeof(pcs), pcs}, {KPPROF_A_INDEX, sizeof(index), index});
}

static int send_rules(void)
{
	static const struct kpprof_rule rules[] = {{.kind = KPPROF_RULE_NONE},
						   {.kind = KPPROF_RULE_CFA, .reg = 7, .off = 8}};

	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, SMALL), U32(KPPROF_A_AT, 0),
		   {KPPROF_A_RULES, sizeof(rules), rules});
}

static int end_image(void)
{
	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, SMALL), FLAG(KPPROF_A_DONE));
}

static int image_parts(void)
{
	int err = begin_image();

	if (!err)
		err = send_rows();
	return err ? err : send_rules();
}

static int drop(uint32_t id)
{
	return SAY(KPPROF_CMD_IMAGE, U32(KPPROF_A_IMAGE, id), FLAG(KPPROF_A_DROP));
}

static int drop_image(void)
{
	return drop(SMALL);
}

/* Of this program: offsets in the file count from there. */
extern const char __executable_start[];

/* Many small mappings of its code. */

static int send_maps(bool more)
{
	struct nlmsghdr *nlh = kpt_begin(KPPROF_CMD_MAPS, 0);
	uint64_t start = ((uint64_t)(uintptr_t)send_maps) & ~4095ull;

	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)getpid());
	mnl_attr_put_u32(nlh, KPPROF_A_COOKIE, 7);
	for (unsigned int i = 0; i < MAPS; i++) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, KPPROF_A_MAP);

		mnl_attr_put_u64(nlh, KPPROF_MAP_A_START, start + i * 64);
		mnl_attr_put_u64(nlh, KPPROF_MAP_A_END, start + i * 64 + 64);
		mnl_attr_put_u64(nlh, KPPROF_MAP_A_OFFSET,
				 start - (uint64_t)(uintptr_t)__executable_start + i * 64);
		mnl_attr_put_u32(nlh, KPPROF_MAP_A_IMAGE, SMALL);
		mnl_attr_nest_end(nlh, nest);
	}
	if (more)
		mnl_attr_put(nlh, KPPROF_A_MORE, 0, NULL);
	return kpt_talk(NULL, NULL);
}

static int all_maps(void)
{
	return send_maps(false);
}

static int some_maps(void)
{
	return send_maps(true);
}

static int before_maps(void)
{
	int err = image_parts();

	if (!err)
		err = end_image();
	return err ? err : arm_process();
}

static int dump_targets(void)
{
	return DUMP(KPPROF_CMD_TARGETS);
}

static int dump_waits(void)
{
	return DUMP(KPPROF_CMD_WAITS);
}

static int dump_threads(void)
{
	return DUMP(KPPROF_CMD_THREADS, U32(KPPROF_A_PID, (uint32_t)getpid()),
		    U32(KPPROF_A_PID, 1));
}

/* An allocator that has no block. */
__attribute__((noinline)) static void *take_block(size_t size)
{
	static char block[64];

	__asm__ volatile("" : "+r"(size));
	return size ? block : NULL;
}

__attribute__((noinline)) static void give_block(void *block)
{
	__asm__ volatile("" : : "r"(block) : "memory");
}

static int arm_heap(void)
{
	char pid[16], takes[32], gives[32];
	char *probes[] = {takes, gives};

	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	snprintf(takes, sizeof(takes), "%d:%lx", KPPROF_ALLOC_SIZE, (unsigned long)take_block);
	snprintf(gives, sizeof(gives), "%d:%lx", KPPROF_ALLOC_FREE, (unsigned long)give_block);
	return kpt_heap_arm(3, 1, pid, probes, 2);
}

static int disarm_heap_process(void)
{
	return SAY(KPPROF_CMD_DISARM, U32(KPPROF_A_ARM, 3), U32(KPPROF_A_PID, (uint32_t)getpid()));
}

static int run_counts(void)
{
	return SAY(KPPROF_CMD_HEAP, U32(KPPROF_A_ARM, 3));
}

static int dump_blocks(void)
{
	return DUMP(KPPROF_CMD_BLOCKS, U32(KPPROF_A_ARM, 3));
}

static int arm_and_take(void)
{
	int err = arm_heap();

	take_block(100);
	return err;
}

/* Sampled, since each byte is: what cannot be followed is counted. */
static int run_take(void)
{
	give_block(take_block(100));
	return 0;
}

static int before_fork(void)
{
	int err = before_maps();

	if (!err)
		err = all_maps();
	return err ? err : watch_all();
}

static int run_fork(void)
{
	pid_t child = (pid_t)syscall(SYS_fork);

	if (child < 0)
		return -errno;
	if (!child)
		_exit(0);
	return waitpid(child, NULL, 0) == child ? 0 : -errno;
}

static int nothing(void)
{
	return 0;
}

/**
 * struct step - a command
 * @before: makes what it needs; nothing fails
 * @run: the command, one message
 * @undoes: an error may leave less than there was
 * @silent: nobody is told of an error
 */
static const struct step {
	const char *name;
	int (*before)(void);
	int (*run)(void);
	bool undoes;
	bool silent;
} steps[] = {
	{"STATUS", nothing, run_status, false},
	{"LISTEN", nothing, run_listen, false},
	{"ARM of a process", nothing, arm_process, false},
	{"ARM of another arm", arm_process, arm_box, false},
	{"ARM of the box", nothing, arm_box, false},
	{"ARM of a watch", nothing, watch_block, false},
	{"ARM of a watch, for all", nothing, watch_all, false},
	{"ARM of a watch, for more", watch_block, watch_all, false},
	{"DISARM of a watch", arm_all, disarm_one, true},
	{"DISARM of a process", arm_all, disarm_process, true},
	{"DISARM", arm_all, disarm_all, true},
	{"IMAGE, sizes", nothing, begin_image, false},
	{"IMAGE, large sizes", nothing, begin_big_image, false},
	{"IMAGE, rows", begin_image, send_rows, false},
	{"IMAGE, rules", begin_image, send_rules, false},
	{"IMAGE, end", image_parts, end_image, false},
	{"IMAGE, drop", image_parts, drop_image, true},
	{"MAPS", before_maps, all_maps, false},
	{"MAPS, a part", before_maps, some_maps, true},
	{"TARGETS", arm_all, dump_targets, false},
	{"WAITS", arm_all, dump_waits, false},
	{"THREADS", nothing, dump_threads, false},
	{"ARM of a heap", nothing, arm_heap, false},
	{"DISARM of a heap's process", arm_heap, disarm_heap_process, true},
	{"DISARM of a heap", arm_heap, disarm_all, true},
	{"HEAP", arm_and_take, run_counts, false},
	{"BLOCKS", arm_and_take, dump_blocks, false},
	{"a sampled call", arm_heap, run_take, true, .silent = true},
};

/* Not a command: the probes of fork(2) and exit(2) allocate in whoever calls them. */
static const struct step fork_step = {"fork(2)", before_fork, run_fork, true};

static void take_back(const char *name, unsigned int n)
{
	static const struct counts none;

	kpt_must(disarm_all(), "DISARM");
	drop(SMALL);
	drop(BIG);
	expect_counts(&none, name, n);
}

/* Returns whether an allocation failed. */
static bool attempt(const struct step *step, unsigned int n, unsigned int *errors)
{
	struct counts before;
	bool failed;
	int err;

	kpt_must(step->before(), step->name);
	before = count();
	fail_at(n);
	err = step->run();
	failed = has_failed();
	kpt_drain();
	if (err && !failed)
		kpt_must(err, step->name);
	*errors += err != 0;
	/* The kernel may fail to say that it is done: ENOBUFS comes from the socket. */
	if (err && err != -ENOBUFS && !step->undoes)
		expect_counts(&before, step->name, n);
	take_back(step->name, n);
	return failed;
}

static void prepare_faults(void)
{
	fail_nth = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (fail_nth < 0)
		kpt_must(-errno, "/proc/thread-self/fail-nth");
}

/* Returns 0, or 1 when it never ends or never fails. */
static int attempt_all(const struct step *step)
{
	unsigned int n = 1, errors = 0;

	while (attempt(step, n, &errors) && n < NTH_MAX)
		n++;
	printf("%s: %u allocations failed, %u errors\n", step->name, n - 1, errors);
	fflush(stdout);
	return n == NTH_MAX || (!errors && !step->silent);
}

int kpt_faults(const char *name)
{
	int bad = 0;

	prepare_faults();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		if (strstr(steps[i].name, name))
			bad |= attempt_all(&steps[i]);
	return bad;
}

int kpt_faults_fork(void)
{
	prepare_faults();
	return attempt_all(&fork_step);
}

int kpt_faults_load(const char *ko)
{
	unsigned int n, errors = 0;
	bool failed = true;

	prepare_faults();
	for (n = 1; failed && n < NTH_MAX; n++) {
		int fd = open(ko, O_RDONLY | O_CLOEXEC), err;

		if (fd < 0)
			kpt_must(-errno, ko);
		fail_at(n);
		err = syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
		failed = has_failed();
		close(fd);
		if (err && !failed)
			kpt_must(err, "loading");
		errors += err != 0;
		if (!err && syscall(SYS_delete_module, "kpprof", O_NONBLOCK))
			kpt_must(-errno, "unloading");
	}
	printf("loading: %u allocations failed, %u errors\n", n - 2, errors);
	return n == NTH_MAX || !errors;
}
