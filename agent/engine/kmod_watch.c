// SPDX-License-Identifier: GPL-2.0-or-later
#include "kmod_watch.h"

#include <errno.h>
#include <stdlib.h>

#include "../../uapi/kpprof.h"
#include "../base/buf.h"
#include "../base/log.h"
#include "../control/genl.h"
#include "../control/message.h"
#include "kmod.h"

/* Processes in one message: 8 bytes each. */
enum { PART_PIDS = 4096 };

static void put_pids(struct nlmsghdr *nlh, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, (uint32_t)pids[i]);
}

struct watch_spec {
	unsigned int arm;
	uint32_t what;
	uint64_t rate;
	bool box;
};

static int send_watch(struct kmod *k, const struct watch_spec *s, const pid_t *pids, size_t n)
{
	struct nlmsghdr *nlh = genl_begin(kmod_genl(k), KPPROF_CMD_ARM, 0);

	mnl_attr_put_u32(nlh, KPPROF_A_ARM, s->arm);
	mnl_attr_put_u32(nlh, KPPROF_A_WATCH, s->what);
	mnl_attr_put_u64(nlh, KPPROF_A_RATE, s->rate);
	if (s->box)
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	put_pids(nlh, pids, n);
	return genl_send(kmod_genl(k), NULL, NULL);
}

/* The module does nothing at all when one of many is gone: then they are sent one by one. */
static int send_part(struct kmod *k, const struct watch_spec *s, const pid_t *pids, size_t n)
{
	int err = send_watch(k, s, pids, n);

	if (err != -ESRCH)
		return err;
	for (size_t i = 0; i < n; i++) {
		err = send_watch(k, s, &pids[i], 1);
		if (err && err != -ESRCH)
			return err;
	}
	return 0;
}

int kmod_watch(struct kmod *k, unsigned int arm, uint32_t what, uint64_t rate, bool box,
	       const pid_t *pids, size_t n)
{
	const struct watch_spec s = {arm, what, rate, box};
	/* It exists from here on, whatever becomes of the processes. */
	int err = send_watch(k, &s, NULL, 0);

	for (size_t i = 0; i < n && !err; i += PART_PIDS)
		err = send_part(k, &s, pids + i, n - i < PART_PIDS ? n - i : PART_PIDS);
	return err;
}

void kmod_unwatch(struct kmod *k, unsigned int arm, const pid_t *pids, size_t n)
{
	for (size_t i = 0; i < n; i += PART_PIDS) {
		struct nlmsghdr *nlh = genl_begin(kmod_genl(k), KPPROF_CMD_DISARM, 0);

		mnl_attr_put_u32(nlh, KPPROF_A_ARM, arm);
		put_pids(nlh, pids + i, n - i < PART_PIDS ? n - i : PART_PIDS);
		if (genl_send(kmod_genl(k), NULL, NULL))
			log_warning("the module goes on watching: %s", kmod_error(k));
	}
}

static int take_governor(const struct nlmsghdr *nlh, void *ctx)
{
	struct kmod_governor *g = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return 0;
	g->budget = message_u32(&m, KPPROF_A_BUDGET, 0);
	g->slowed = message_u32(&m, KPPROF_A_SLOWED, 0) % 64;
	g->dropped = message_u64(&m, KPPROF_A_SCHED_DROPPED);
	g->busy_ns = message_u64(&m, KPPROF_A_SCHED_BUSY_NS);
	return 0;
}

int kmod_governor_read(struct kmod *k, struct kmod_governor *out)
{
	*out = (struct kmod_governor){0};
	genl_begin(kmod_genl(k), KPPROF_CMD_STATUS, 0);
	return genl_send(kmod_genl(k), take_governor, out);
}

uint64_t kmod_slowed_rate(const struct kmod_governor *g, uint64_t rate)
{
	if (!g->slowed || rate >= KPPROF_SLOWED_MOST)
		return rate;
	if (rate < KPPROF_SLOWED_LEAST)
		rate = KPPROF_SLOWED_LEAST;
	return rate > KPPROF_SLOWED_MOST >> g->slowed ? KPPROF_SLOWED_MOST : rate << g->slowed;
}

static int take_wait(const struct nlmsghdr *nlh, void *ctx)
{
	struct kmod_wait w;
	struct message m;

	if (message_parse(nlh, &m))
		return 0;
	w = (struct kmod_wait){
		.pid = (pid_t)message_u32(&m, KPPROF_A_PID, 0),
		.tid = (pid_t)message_u32(&m, KPPROF_A_TID, 0),
		.arms = message_u32(&m, KPPROF_A_ARMS, 0),
		.begin = message_u64(&m, KPPROF_A_BEGIN),
		.woken = message_u64(&m, KPPROF_A_WOKEN),
		.ns = message_u64(&m, KPPROF_A_NS),
	};
	buf_append(ctx, &w, sizeof(w));
	return 0;
}

static int by_tid(const void *a, const void *b)
{
	const struct kmod_wait *x = a, *y = b;

	return (x->tid > y->tid) - (x->tid < y->tid);
}

int kmod_waits(struct kmod *k, struct buf *out)
{
	int err;

	genl_begin(kmod_genl(k), KPPROF_CMD_WAITS, NLM_F_DUMP);
	err = genl_send(kmod_genl(k), take_wait, out);
	if (!err)
		err = buf_error(out);
	if (!err && out->len)
		qsort(out->data, out->len / sizeof(struct kmod_wait), sizeof(struct kmod_wait),
		      by_tid);
	return err;
}
