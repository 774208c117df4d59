// SPDX-License-Identifier: GPL-2.0-or-later
#include "overhead.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/loop.h"
#include "../base/memory.h"
#include "../base/privilege.h"
#include "../control/genl.h"
#include "../control/message.h"
#include "../control/module.h"
#include "../engine/engine.h"
#include "../http/server.h"
#include "../image/store.h"
#include "../profile/armed.h"

#define MEGABYTE (1 << 20)

/* Descriptors of perf events: asked of the kernel, so that one that was forgotten shows. */
static unsigned int count_perf_events(void)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *e;
	unsigned int n = 0;

	while (dir && (e = readdir(dir))) {
		char name[64] = "";

		if (readlinkat(dirfd(dir), e->d_name, name, sizeof(name) - 1) > 0)
			n += strstr(name, "[perf_event]") != NULL;
	}
	if (dir)
		closedir(dir);
	return n;
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static void put_cpu(struct buf *out, const char *what, int who)
{
	struct rusage u = {0};

	getrusage(who, &u);
	buf_printf(out, "%-32s %.2f s user, %.2f s system\n", what, seconds(&u.ru_utime),
		   seconds(&u.ru_stime));
}

static void put_agent(struct buf *out, struct engine *e)
{
	struct image_store *store = engine_store(e);
	char caps[256];

	privilege_describe(caps, sizeof(caps));
	buf_printf(out, "kpprofd %s, process %d\n\n", KPPROF_VERSION, (int)getpid());
	put_cpu(out, "CPU time of the agent", RUSAGE_SELF);
	put_cpu(out, "of image workers that have ended", RUSAGE_CHILDREN);
	buf_printf(out, "%-32s %.1f MB of %zu MB\n", "memory of its own",
		   (double)memory_own() / MEGABYTE, memory_cap() / MEGABYTE);
	buf_printf(out, "%-32s %d\n", "image worker, process", (int)image_store_worker(store));
	buf_printf(out, "%-32s %" PRIu64 "\n", "image workers that died or hung",
		   image_store_failures(store));
	buf_printf(out, "%-32s %s\n", "capabilities in effect", caps);
	buf_printf(out, "%-32s %u\n", "perf events open", count_perf_events());
}

/* What the module says of itself, in its own counts. */
static int put_module(const struct nlmsghdr *nlh, void *ctx)
{
	static const struct {
		unsigned int type;
		bool is_64;
		const char *label;
	} fields[] = {
		{KPPROF_A_HOOK_COUNTERS, false, "module: perf counters"},
		{KPPROF_A_HOOK_PROBES, false, "module: tracepoint probes"},
		{KPPROF_A_HOOK_UPROBES, false, "module: probes in allocators"},
		{KPPROF_A_NTARGETS, false, "module: processes followed"},
		{KPPROF_A_IMAGE_BYTES, true, "module: bytes for rows and maps"},
		{KPPROF_A_SAMPLES, true, "module: samples"},
		{KPPROF_A_LOST, true, "module: samples lost"},
		{KPPROF_A_BUSY_NS, true, "module: ns spent sampling"},
	};
	struct buf *out = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (m.attr[fields[i].type])
			buf_printf(out, "%-32s %" PRIu64 "\n", fields[i].label,
				   fields[i].is_64 ? message_u64(&m, fields[i].type)
						   : message_u32(&m, fields[i].type, 0));
	return 0;
}

static void put_engine(struct buf *out)
{
	char why[256] = "";
	struct genl *g = module_open(why, sizeof(why));

	if (!g) {
		buf_printf(out, "%-32s perf, because: %s\n", "engine", why);
		return;
	}
	buf_printf(out, "%-32s module\n", "engine");
	genl_begin(g, KPPROF_CMD_STATUS, 0);
	genl_send(g, put_module, out);
	genl_close(g);
}

static void put_capture(void *ctx, const struct cpu_capture *c)
{
	char name[128];

	buf_printf(ctx, "profile of %s: %u Hz, %s engine, %" PRIu64 " samples lost\n",
		   target_describe(&c->target, name, sizeof(name)), c->hz,
		   c->engine == KPPROF_ENGINE_MODULE ? "module" : "perf", c->lost);
}

static void put_armed(struct buf *out, const struct armed *a)
{
	uint64_t now = loop_now();
	struct armed_cost cost = {0};
	char name[128];

	a->spec.kind->cost(a, &cost);
	buf_printf(out, "%s of %s: %s engine, armed for %.0f s", a->spec.kind->name,
		   target_describe(&a->spec.target, name, sizeof(name)),
		   a->engine == KPPROF_ENGINE_MODULE ? "module" : "perf",
		   (double)(now - a->since) / NSEC_PER_SEC);
	if (a->until)
		buf_printf(out, ", %.0f s left",
			   a->until > now ? (double)(a->until - now) / NSEC_PER_SEC : 0.0);
	buf_printf(out, ", %" PRIu64 " events, %" PRIu64 " lost, %" PRIu64 " left out", cost.events,
		   cost.lost, cost.dropped);
	if (cost.cpu_known)
		buf_printf(out, ", %.3f s of CPU time", (double)cost.cpu_ns / NSEC_PER_SEC);
	buf_puts(out, "\n");
}

/* Names of processes are in it: nothing in them steers a terminal. */
static void make_plain(struct buf *out)
{
	for (size_t i = 0; i < out->len; i++) {
		unsigned char c = (unsigned char)out->data[i];

		if ((c < ' ' && c != '\n') || c >= 0x7f)
			out->data[i] = '?';
	}
}

bool overhead_serve(const struct armed_list *armed, struct http_request *req)
{
	_cleanup_buf_ struct buf out = {0};

	if (strcmp(http_path(req), "/debug/overhead") != 0)
		return false;
	if (!http_method_check(req, false))
		return true;
	put_agent(&out, armed->engine);
	put_engine(&out);
	buf_puts(&out, "\nhooked now:\n");
	engine_each_capture(armed->engine, put_capture, &out);
	for (const struct armed *a = armed->first; a; a = a->next)
		put_armed(&out, a);
	buf_puts(&out, "\n");
	make_plain(&out);
	buf_append(&out, "", 1);
	if (buf_error(&out))
		http_reply_error(req, http_status_of(buf_error(&out)), "%s",
				 strerror(-buf_error(&out)));
	else
		http_reply_text(req, 200, out.data);
	return true;
}
