// SPDX-License-Identifier: GPL-2.0-or-later
#include "module.h"

#include <errno.h>
#include <linux/genetlink.h>
#include <stddef.h>
#include <string.h>

#include "../base/loop.h"
#include "../control/genl.h"
#include "../control/module.h"

/* How long a module that was not there is taken to stay away. */
#define ABSENT_NS (10 * NSEC_PER_SEC)

struct genl *module_thread_open(void)
{
	static uint64_t absent_until;
	struct genl *g = NULL;
	char why[128];

	if (loop_now() < absent_until)
		return NULL;
	g = module_open(why, sizeof(why));
	if (!g)
		absent_until = loop_now() + ABSENT_NS;
	return g;
}

struct answer {
	struct module_thread *t;
	uint32_t tid;
};

static void take_bytes(const struct nlattr *a, void *to, size_t size)
{
	if (mnl_attr_get_payload_len(a) == size)
		memcpy(to, mnl_attr_get_payload(a), size);
}

static void take_name(const struct nlattr *a, struct module_thread *t)
{
	size_t n = mnl_attr_get_payload_len(a);

	n = n < sizeof(t->name) - 1 ? n : sizeof(t->name) - 1;
	memcpy(t->name, mnl_attr_get_payload(a), n);
	t->name[n] = '\0';
}

static void take_stack(const struct nlattr *a, struct module_thread *t)
{
	size_t n = mnl_attr_get_payload_len(a);

	if (n > sizeof(t->stack))
		return;
	memcpy(t->stack, mnl_attr_get_payload(a), n);
	t->nstack = (uint32_t)n;
}

static int take_attr(const struct nlattr *a, void *ctx)
{
	struct answer *answer = ctx;
	struct module_thread *t = answer->t;

	switch (mnl_attr_get_type(a)) {
	case KPPROF_A_TID:
		take_bytes(a, &answer->tid, sizeof(answer->tid));
		break;
	case KPPROF_A_STATE:
		take_bytes(a, &t->state, sizeof(t->state));
		break;
	case KPPROF_A_THREAD_FLAGS:
		take_bytes(a, &t->flags, sizeof(t->flags));
		break;
	case KPPROF_A_GENERATION:
		take_bytes(a, &t->generation, sizeof(t->generation));
		break;
	case KPPROF_A_STATE_NS:
		take_bytes(a, &t->state_ns, sizeof(t->state_ns));
		break;
	case KPPROF_A_COMM:
		take_name(a, t);
		break;
	case KPPROF_A_SYSCALL:
		take_bytes(a, &t->nr, sizeof(t->nr));
		break;
	case KPPROF_A_ARGS:
		take_bytes(a, t->args, sizeof(t->args));
		break;
	case KPPROF_A_IP:
		take_bytes(a, &t->ip, sizeof(t->ip));
		break;
	case KPPROF_A_REGS:
		take_bytes(a, t->regs, sizeof(t->regs));
		break;
	case KPPROF_A_STACK:
		take_stack(a, t);
		break;
	}
	return MNL_CB_OK;
}

static int take_thread(const struct nlmsghdr *reply, void *ctx)
{
	mnl_attr_parse(reply, sizeof(struct genlmsghdr), take_attr, ctx);
	return 0;
}

static int ask(struct genl *g, pid_t pid, pid_t tid, bool brief, struct module_thread *out)
{
	struct nlmsghdr *nlh = genl_begin(g, KPPROF_CMD_THREADS, NLM_F_DUMP);
	struct answer answer = {.t = out};
	int err;

	memset(out, 0, offsetof(struct module_thread, stack));
	mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pid);
	mnl_attr_put_u32(nlh, KPPROF_A_TID, (uint32_t)tid);
	if (brief)
		mnl_attr_put(nlh, KPPROF_A_BRIEF, 0, NULL);
	err = genl_send(g, take_thread, &answer);
	if (err)
		return err;
	return answer.tid == (uint32_t)tid ? 0 : -ESRCH;
}

int module_thread_read(struct genl *g, pid_t pid, pid_t tid, struct module_thread *out)
{
	return ask(g, pid, tid, false, out);
}

bool module_thread_slept(struct genl *g, pid_t pid, pid_t tid, uint64_t generation)
{
	struct module_thread t;

	return !ask(g, pid, tid, true, &t) && t.generation == generation &&
	       !(t.flags & KPPROF_THREAD_RUNNING);
}
