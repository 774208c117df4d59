// SPDX-License-Identifier: GPL-2.0-or-later
/* THREADS: each thread as a line of KEY=VALUE words, numbers in hexadecimal where they are
 * registers. */
#include <inttypes.h>
#include <linux/genetlink.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../uapi/kpprof.h"
#include "kpt.h"

enum { RBX = 3, R12 = 12, NREGS = 16, NARGS = 6 };

struct thread {
	uint32_t pid, tid, flags;
	uint8_t state;
	uint64_t generation, ns, ip;
	int32_t nr;
	const char *comm;
	uint64_t regs[NREGS], args[NARGS];
	const uint8_t *stack;
	unsigned int nstack;
};

static int take_attr(const struct nlattr *a, void *data)
{
	struct thread *t = data;
	unsigned int len = mnl_attr_get_payload_len(a);

	switch (mnl_attr_get_type(a)) {
	case KPPROF_A_PID:
		t->pid = mnl_attr_get_u32(a);
		break;
	case KPPROF_A_TID:
		t->tid = mnl_attr_get_u32(a);
		break;
	case KPPROF_A_THREAD_FLAGS:
		t->flags = mnl_attr_get_u32(a);
		break;
	case KPPROF_A_STATE:
		t->state = mnl_attr_get_u8(a);
		break;
	case KPPROF_A_GENERATION:
		t->generation = mnl_attr_get_u64(a);
		break;
	case KPPROF_A_STATE_NS:
		t->ns = mnl_attr_get_u64(a);
		break;
	case KPPROF_A_COMM:
		t->comm = mnl_attr_get_str(a);
		break;
	case KPPROF_A_IP:
		t->ip = mnl_attr_get_u64(a);
		break;
	case KPPROF_A_SYSCALL:
		t->nr = (int32_t)mnl_attr_get_u32(a);
		break;
	case KPPROF_A_REGS:
		if (len == sizeof(t->regs))
			memcpy(t->regs, mnl_attr_get_payload(a), len);
		break;
	case KPPROF_A_ARGS:
		if (len == sizeof(t->args))
			memcpy(t->args, mnl_attr_get_payload(a), len);
		break;
	case KPPROF_A_STACK:
		t->stack = mnl_attr_get_payload(a);
		t->nstack = len;
		break;
	}
	return MNL_CB_OK;
}

static struct thread parse(const struct nlmsghdr *nlh)
{
	struct thread t = {.comm = ""};

	mnl_attr_parse(nlh, sizeof(struct genlmsghdr), take_attr, &t);
	return t;
}

static void print_words(const char *name, const uint64_t *words, unsigned int n)
{
	printf(" %s=", name);
	for (unsigned int i = 0; i < n; i++)
		printf("%s%" PRIx64, i ? "," : "", words[i]);
}

static int print_thread(const struct nlmsghdr *nlh, void *ctx)
{
	struct thread t = parse(nlh);
	uint64_t top[8] = {0};

	(void)ctx;
	printf("pid=%u tid=%u state=%c flags=%u generation=%" PRIu64 " ns=%" PRIu64, t.pid, t.tid,
	       t.state, t.flags, t.generation, t.ns);
	if (t.flags & KPPROF_THREAD_SYSCALL) {
		printf(" nr=%d", t.nr);
		print_words("args", t.args, NARGS);
	}
	if (t.flags & KPPROF_THREAD_REGS) {
		printf(" ip=%" PRIx64, t.ip);
		print_words("regs", t.regs, NREGS);
	}
	if (t.nstack >= sizeof(top)) {
		memcpy(top, t.stack, sizeof(top));
		printf(" nstack=%u", t.nstack);
		print_words("stack", top, 8);
	}
	printf(" comm=%s\n", t.comm);
	return MNL_CB_OK;
}

static int ask(char **pids, unsigned int npids, mnl_cb_t cb, void *ctx)
{
	struct nlmsghdr *nlh = kpt_begin(KPPROF_CMD_THREADS, NLM_F_DUMP);

	for (unsigned int i = 0; i < npids; i++)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)strtoul(pids[i], NULL, 10));
	return kpt_talk(cb, ctx);
}

int kpt_threads(char **pids, unsigned int npids)
{
	kpt_must(ask(pids, npids, print_thread, NULL), "THREADS");
	return 0;
}

/* What was seen of the threads of tests/vm/still.c that are named "jitter": r12 is always ~rbx. */
struct tally {
	unsigned int seen, running, moved, torn;
};

static int tally_thread(const struct nlmsghdr *nlh, void *ctx)
{
	struct thread t = parse(nlh);
	struct tally *n = ctx;

	if (strcmp(t.comm, "jitter") != 0)
		return MNL_CB_OK;
	n->seen++;
	n->running += t.flags & KPPROF_THREAD_RUNNING;
	n->moved += !!(t.flags & KPPROF_THREAD_MOVED);
	if (t.flags & KPPROF_THREAD_REGS && t.regs[R12] != ~t.regs[RBX])
		n->torn++;
	return MNL_CB_OK;
}

int kpt_threads_torn(unsigned int n, const char *pid)
{
	struct tally tally = {0};
	char *pids[] = {strdup(pid)};

	for (unsigned int i = 0; i < n; i++)
		kpt_must(ask(pids, 1, tally_thread, &tally), "THREADS");
	free(pids[0]);
	printf("seen=%u running=%u moved=%u torn=%u\n", tally.seen, tally.running, tally.moved,
	       tally.torn);
	return tally.torn || !tally.seen;
}
