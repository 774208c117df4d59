// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * https://prometheus.io/docs/instrumenting/exposition_formats/: a metric is a HELP line, a TYPE
 * line and its values, all together.
 */
#include "metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/counters.h"
#include "../base/loop.h"
#include "../base/memory.h"
#include "../control/genl.h"
#include "../control/message.h"
#include "../control/module.h"
#include "../engine/engine.h"
#include "../http/server.h"
#include "../image/store.h"
#include "../profile/answer.h"
#include "../profile/armed.h"
#include "../profile/frames.h"

void metrics_label(struct buf *out, const char *text)
{
	buf_puts(out, "\"");
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			buf_printf(out, "\\%c", *text);
		else if (*text < ' ' || *text > '~')
			buf_puts(out, "?");
		else
			buf_append(out, text, 1);
	}
	buf_puts(out, "\"");
}

static void put_head(struct buf *out, const char *name, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_labelled(struct buf *out, const char *name, const char *label, const char *value,
			 uint64_t n)
{
	buf_printf(out, "%s{%s=", name, label);
	metrics_label(out, value);
	buf_printf(out, "} %" PRIu64 "\n", n);
}

static void put_one(struct buf *out, const char *name, const char *type, const char *help,
		    uint64_t n)
{
	put_head(out, name, type, help);
	buf_printf(out, "%s %" PRIu64 "\n", name, n);
}

/* ---- what is counted */

static const char *counter_help(const char *metric)
{
	static const char *const help[][2] = {
		{"kpprof_samples_total", "Samples that went into profiles: of the CPU, and of "
					 "kinds that count on (block, mutex, heap...)"},
		{"kpprof_ring_bytes_total",
		 "Bytes of records that the kernel has handed over, by ring: of events, and of "
		 "what processes map and start"},
		{"kpprof_lost_records_total",
		 "Records that the kernel had no room for, by the ring that was full"},
		{"kpprof_throttled_total", "Times that the kernel held sampling back"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(help); i++)
		if (strcmp(metric, help[i][0]) == 0)
			return help[i][1];
	return "";
}

static void put_counters(struct buf *out)
{
	static const struct {
		const char *metric;
		const char *label;
		const char *value;
	} names[COUNTERS_N] = {
#define COUNTER(id, metric, label, value) [COUNTER_##id] = {metric, label, value},
		KPPROF_COUNTERS(COUNTER)
#undef COUNTER
	};

	for (size_t i = 0; i < COUNTERS_N; i++) {
		if (!i || strcmp(names[i].metric, names[i - 1].metric) != 0)
			put_head(out, names[i].metric, "counter", counter_help(names[i].metric));
		put_labelled(out, names[i].metric, names[i].label, names[i].value, counters[i]);
	}
}

static void put_stacks(struct buf *out)
{
	static const char truncated[] = "kpprof_truncated_stacks_total";
	const struct tally *t = tally_all();

	put_one(out, "kpprof_stacks_total", "counter", "Stacks that went into profiles", t->stacks);
	put_one(out, "kpprof_guessed_stacks_total", "counter",
		"Stacks with a frame that was found by searching", t->guessed);
	put_head(out, truncated, "counter", "Stacks that end early, by reason");
	for (unsigned int i = KPPROF_END_COMPLETE + 1; i < KPPROF_ENDS_N; i++)
		put_labelled(out, truncated, "reason", frames_end_text(i), t->ends[i]);
}

/* ---- what runs now, and what it costs */

static void count_capture(void *ctx, const struct cpu_capture *c)
{
	unsigned int *n = ctx;

	n[c->engine == KPPROF_ENGINE_MODULE]++;
}

static void put_captures(struct buf *out, struct engine *e)
{
	unsigned int n[2] = {0};

	engine_each_capture(e, count_capture, n);
	put_head(out, "kpprof_captures", "gauge", "CPU captures that run now");
	put_labelled(out, "kpprof_captures", "engine", "perf", n[0]);
	put_labelled(out, "kpprof_captures", "engine", "module", n[1]);
}

struct armed_value {
	const char *name;
	const char *help;
	uint64_t (*value)(const struct armed_cost *c);
};

static uint64_t events_of(const struct armed_cost *c)
{
	return c->events;
}

static uint64_t lost_of(const struct armed_cost *c)
{
	return c->lost;
}

static uint64_t dropped_of(const struct armed_cost *c)
{
	return c->dropped;
}

/* Series that come and go with what is armed: gauges. */
static void put_armed_value(struct buf *out, const struct armed_list *l,
			    const struct armed_value *v)
{
	char name[128];

	if (l->first)
		put_head(out, v->name, "gauge", v->help);
	for (const struct armed *a = l->first; a; a = a->next) {
		struct armed_cost cost = {0};

		a->spec.kind->cost(a, &cost);
		buf_printf(out,
			   "%s{kind=\"%s\",engine=\"%s\",rate=\"%" PRIu64 "\",kernel=\"%d\","
			   "target=",
			   v->name, a->spec.kind->name,
			   a->engine == KPPROF_ENGINE_MODULE ? "module" : "perf", a->spec.rate,
			   a->spec.kernel);
		metrics_label(out, target_describe(&a->spec.target, name, sizeof(name)));
		buf_printf(out, "} %" PRIu64 "\n", v->value(&cost));
	}
}

static void put_armed(struct buf *out, const struct armed_list *l)
{
	static const struct armed_value values[] = {
		{"kpprof_armed_events", "Events that were counted for what is armed now",
		 events_of},
		{"kpprof_armed_lost_records", "Records of it that the kernel had no room for",
		 lost_of},
		{"kpprof_armed_dropped_events", "Events of it left out for what they would cost",
		 dropped_of},
	};

	for (size_t i = 0; i < ARRAY_SIZE(values); i++)
		put_armed_value(out, l, &values[i]);
}

static void put_cpu(struct buf *out)
{
	static const char name[] = "kpprof_cpu_seconds_total";
	static const struct {
		const char *process;
		int who;
	} whose[] = {{"agent", RUSAGE_SELF}, {"image_worker", RUSAGE_CHILDREN}};

	put_head(out, name, "counter",
		 "CPU time of the agent, and of its image workers that have ended");
	for (size_t i = 0; i < ARRAY_SIZE(whose); i++) {
		struct rusage u = {0};

		getrusage(whose[i].who, &u);
		buf_printf(out, "%s{process=\"%s\",mode=\"user\"} %lld.%06ld\n", name,
			   whose[i].process, (long long)u.ru_utime.tv_sec, u.ru_utime.tv_usec);
		buf_printf(out, "%s{process=\"%s\",mode=\"system\"} %lld.%06ld\n", name,
			   whose[i].process, (long long)u.ru_stime.tv_sec, u.ru_stime.tv_usec);
	}
}

static void put_memory(struct buf *out, struct engine *e)
{
	put_one(out, "kpprof_memory_bytes", "gauge", "Memory of the agent's own", memory_own());
	put_one(out, "kpprof_memory_limit_bytes", "gauge", "Its cap (PPROF_MEMORY_MB)",
		memory_cap());
	put_one(out, "kpprof_image_worker_failures_total", "counter",
		"Times that the process which reads files died or hung over one",
		image_store_failures(engine_store(e)));
}

/* ---- HTTP */

static void put_http(struct buf *out, const struct http_server *s)
{
	static const char name[] = "kpprof_http_requests_total";
	const struct http_stats *stats = http_server_stats(s);

	put_one(out, "kpprof_http_connections", "gauge", "Connections that are open now",
		http_server_connections(s));
	put_one(out, "kpprof_http_sent_bytes_total", "counter",
		"Bytes of answers since the port was opened", stats->bytes);
	put_head(out, name, "counter", "Requests since the port was opened, by their answer");
	for (unsigned int i = 0; i < HTTP_CLASSES; i++) {
		char class[8] = "none";

		if (i)
			snprintf(class, sizeof(class), "%uxx", i);
		put_labelled(out, name, "code", class, stats->requests[i]);
	}
}

/* ---- the module */

struct module_value {
	unsigned int type;
	bool is_64;
	bool is_ns;
	const char *name;
	const char *type_name;
	const char *help;
};

static int put_module(const struct nlmsghdr *nlh, void *ctx)
{
	static const struct module_value values[] = {
		{KPPROF_A_HOOK_COUNTERS, false, false, "kpprof_module_counters", "gauge",
		 "Perf counters in the kernel"},
		{KPPROF_A_HOOK_PROBES, false, false, "kpprof_module_probes", "gauge",
		 "Tracepoint probes"},
		{KPPROF_A_NTARGETS, false, false, "kpprof_module_processes", "gauge",
		 "Processes that are followed"},
		{KPPROF_A_IMAGE_BYTES, true, false, "kpprof_module_image_bytes", "gauge",
		 "Kernel memory of rows and mappings"},
		{KPPROF_A_SAMPLES, true, false, "kpprof_module_samples_total", "counter",
		 "Samples since the module was loaded"},
		{KPPROF_A_LOST, true, false, "kpprof_module_lost_total", "counter",
		 "Samples that could not be taken"},
		{KPPROF_A_BUSY_NS, true, true, "kpprof_module_cpu_busy_seconds_total", "counter",
		 "Time spent sampling"},
		{KPPROF_A_SCHED_EVENTS, true, false, "kpprof_module_sched_events_total", "counter",
		 "Waits, releases and new threads that were told"},
		{KPPROF_A_SCHED_DROPPED, true, false, "kpprof_module_sched_dropped_total",
		 "counter", "Those that could not be told"},
		{KPPROF_A_SCHED_BUSY_NS, true, true, "kpprof_module_sched_busy_seconds_total",
		 "counter", "Time spent in the scheduler's probes"},
		{KPPROF_A_SLOWED, false, false, "kpprof_module_slowed_total", "counter",
		 "Times that the governor has slowed it down"},
	};
	struct buf *out = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
		const struct module_value *v = &values[i];
		uint64_t n;

		if (!m.attr[v->type])
			continue;
		n = v->is_64 ? message_u64(&m, v->type) : message_u32(&m, v->type, 0);
		put_head(out, v->name, v->type_name, v->help);
		if (v->is_ns)
			buf_printf(out, "%s %.9f\n", v->name, (double)n / NSEC_PER_SEC);
		else
			buf_printf(out, "%s %" PRIu64 "\n", v->name, n);
	}
	return 0;
}

/* A scraper does not load it. */
static bool put_of_module(struct buf *out)
{
	char why[256];
	struct genl *g = NULL;

	if (access("/sys/module/kpprof", F_OK) == 0)
		g = module_open(why, sizeof(why));
	if (!g)
		return false;
	genl_begin(g, KPPROF_CMD_STATUS, 0);
	genl_send(g, put_module, out);
	genl_close(g);
	return true;
}

bool metrics_serve(const struct armed_list *armed, struct http_request *req)
{
	static const struct http_header type = {"Content-Type",
						"text/plain; version=0.0.4; charset=utf-8"};
	_cleanup_buf_ struct buf out = {0}, module = {0};
	bool has_module;

	if (strcmp(http_path(req), "/metrics") != 0)
		return false;
	if (!http_method_check(req, false))
		return true;
	has_module = put_of_module(&module);
	put_head(&out, "kpprof_build_info", "gauge", "1; what runs here");
	buf_printf(&out, "kpprof_build_info{version=\"" KPPROF_VERSION "\",engine=\"%s\"} 1\n",
		   has_module ? "module" : "perf");
	put_counters(&out);
	put_stacks(&out);
	put_captures(&out, armed->engine);
	put_armed(&out, armed);
	put_cpu(&out);
	put_memory(&out, armed->engine);
	put_http(&out, http_server_of(req));
	buf_append(&out, module.data, module.len);
	http_reply(req, 200, &type, 1, &out);
	return true;
}
