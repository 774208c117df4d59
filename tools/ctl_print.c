// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_print.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../kmod/walk.h"

/* Names come from processes: whatever would steer a terminal is shown as '?'. */
static void print_text(const char *s)
{
	for (; *s; s++)
		putchar(isprint((unsigned char)*s) ? *s : '?');
}

static void print_json_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if (isprint((unsigned char)*s))
			putchar(*s);
		else
			printf("\\u%04x", (unsigned char)*s);
	}
	putchar('"');
}

enum kind { KIND_U32, KIND_U64, KIND_STR };

/* STATUS in the order in which it is printed. */
static const struct field {
	unsigned int type;
	enum kind kind;
	const char *key;
	const char *label;
} fields[] = {
	{KPPROF_A_AGENT_PID, KIND_U32, "agent_pid", "agent's process"},
	{KPPROF_A_AGENT_RELEASE, KIND_STR, "agent_release", "agent's release"},
	{KPPROF_A_LISTENING, KIND_STR, "listening", "listening on"},
	{KPPROF_A_BOUND, KIND_STR, "bound", "that is now"},
	{KPPROF_A_LISTEN_LEFT, KIND_U32, "listening_left", "seconds until the port is closed"},
	{KPPROF_A_CAPTURES, KIND_U32, "captures", "captures running"},
	{KPPROF_A_RELEASE, KIND_STR, "module_release", "module's release"},
	{KPPROF_A_LISTEN, KIND_STR, "wanted_address", "address kept by the module"},
	{KPPROF_A_LEASE, KIND_U32, "wanted_left", "for seconds"},
	{KPPROF_A_CLIENT_PID, KIND_U32, "client_pid", "module works for process"},
	{KPPROF_A_CLIENT_COMM, KIND_STR, "client_comm", "its name"},
	{KPPROF_A_HOOK_COUNTERS, KIND_U32, "counters", "perf counters in the kernel"},
	{KPPROF_A_HOOK_PROBES, KIND_U32, "probes", "tracepoint probes"},
	{KPPROF_A_HOOK_UPROBES, KIND_U32, "uprobes", "probes in allocators"},
	{KPPROF_A_HOOK_RETURNS, KIND_U32, "returns", "calls whose return is waited for"},
	{KPPROF_A_NARMS, KIND_U32, "arms", "arms"},
	{KPPROF_A_NTARGETS, KIND_U32, "targets", "processes followed"},
	{KPPROF_A_NIMAGES, KIND_U32, "images", "images"},
	{KPPROF_A_IMAGE_BYTES, KIND_U64, "image_bytes", "memory for rows and mappings"},
	{KPPROF_A_IMAGE_MAX, KIND_U64, "image_bytes_max", "its cap"},
	{KPPROF_A_SAMPLES, KIND_U64, "samples", "samples since the module was loaded"},
	{KPPROF_A_LOST, KIND_U64, "lost", "samples lost"},
	{KPPROF_A_UNTRACKED, KIND_U64, "untracked", "children not followed"},
	{KPPROF_A_BUSY_NS, KIND_U64, "busy_ns", "ns spent sampling"},
};

static const char *const end_text[] = {
#define KPPROF_END(name, text) [KPPROF_END_##name] = text,
	KPPROF_ENDS(KPPROF_END)
#undef KPPROF_END
};

static uint64_t number(const struct message *m, const struct field *f)
{
	return f->kind == KIND_U32 ? message_u32(m, f->type, 0) : message_u64(m, f->type);
}

static int take_end(const struct nlattr *a, void *data)
{
	uint64_t *ends = data;
	unsigned int type = mnl_attr_get_type(a);

	if (type >= 1 && type <= KPPROF_ENDS_N && mnl_attr_validate(a, MNL_TYPE_U64) >= 0)
		ends[type - 1] = mnl_attr_get_u64(a);
	return MNL_CB_OK;
}

static void read_ends(const struct message *m, uint64_t *ends)
{
	memset(ends, 0, KPPROF_ENDS_N * sizeof(*ends));
	if (m->attr[KPPROF_A_ENDS])
		mnl_attr_parse_nested(m->attr[KPPROF_A_ENDS], take_end, ends);
}

static const char *engine_name(uint32_t engine)
{
	return engine == KPPROF_ENGINE_MODULE ? "module" : "perf";
}

static void status_text(const struct message *m)
{
	const char *reason = message_str(m, KPPROF_A_REASON);
	uint64_t ends[KPPROF_ENDS_N];

	if (m->attr[KPPROF_A_ENGINE])
		printf("%-36s %s\n", "engine", engine_name(message_u32(m, KPPROF_A_ENGINE, 0)));
	else
		puts("no agent is running; the module says:");
	if (reason) {
		printf("%-36s ", "not the module, because");
		print_text(reason);
		putchar('\n');
	}
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];

		if (!m->attr[f->type])
			continue;
		printf("%-36s ", f->label);
		if (f->kind == KIND_STR)
			print_text(message_str(m, f->type));
		else
			printf("%" PRIu64, number(m, f));
		putchar('\n');
	}
	read_ends(m, ends);
	for (unsigned int i = 0; i < KPPROF_ENDS_N; i++)
		if (ends[i])
			printf("  stacks: %-26s %" PRIu64 "\n", end_text[i], ends[i]);
}

static void status_json(const struct message *m)
{
	uint64_t ends[KPPROF_ENDS_N];
	const char *comma = "";

	fputs("{\"engine\":", stdout);
	if (m->attr[KPPROF_A_ENGINE])
		print_json_string(engine_name(message_u32(m, KPPROF_A_ENGINE, 0)));
	else
		fputs("null", stdout);
	fputs(",\"reason\":", stdout);
	if (message_str(m, KPPROF_A_REASON))
		print_json_string(message_str(m, KPPROF_A_REASON));
	else
		fputs("null", stdout);
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const struct field *f = &fields[i];

		printf(",\"%s\":", f->key);
		if (!m->attr[f->type])
			fputs("null", stdout);
		else if (f->kind == KIND_STR)
			print_json_string(message_str(m, f->type));
		else
			printf("%" PRIu64, number(m, f));
	}
	read_ends(m, ends);
	fputs(",\"stacks\":{", stdout);
	for (unsigned int i = 0; i < KPPROF_ENDS_N; i++) {
		fputs(comma, stdout);
		print_json_string(end_text[i]);
		printf(":%" PRIu64, ends[i]);
		comma = ",";
	}
	fputs("}", stdout);
}

void print_status(const struct nlmsghdr *nlh, void *ctx)
{
	struct printer *p = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return;
	if (p->json)
		status_json(&m);
	else
		status_text(&m);
	p->n++;
}

const char *const kind_names[__KPPROF_KINDS] = {
	[KPPROF_KIND_CPU] = "cpu",     [KPPROF_KIND_BLOCK] = "block",
	[KPPROF_KIND_MUTEX] = "mutex", [KPPROF_KIND_THREADCREATE] = "threadcreate",
	[KPPROF_KIND_HEAP] = "heap",   [KPPROF_KIND_GROWTH] = "growth",
};

static const char *const by_names[] = {
	[KPPROF_ARMED_BY_REQUEST] = "request",
	[KPPROF_ARMED_BY_CONTROL] = "kpprofctl",
	[KPPROF_ARMED_BY_ENVIRONMENT] = "PPROF_ARM",
};

/* The kind of a thing that is armed: one bit. */
static const char *kind_of(const struct message *m)
{
	uint32_t bits = message_u32(m, KPPROF_A_KINDS, 0);

	for (unsigned int k = 0; k < __KPPROF_KINDS; k++)
		if (bits == 1u << k)
			return kind_names[k];
	return "unknown";
}

static const char *by_of(const struct message *m)
{
	uint32_t by = message_u32(m, KPPROF_A_BY, 0);

	return by < sizeof(by_names) / sizeof(by_names[0]) ? by_names[by] : "unknown";
}

/* Numbers of TARGETS that are printed the same way. */
static const struct field costs[] = {
	{KPPROF_A_EVENTS, KIND_U64, "events", "events"},
	{KPPROF_A_LOST, KIND_U64, "lost", "lost"},
	{KPPROF_A_DROPPED, KIND_U64, "dropped", "dropped"},
	{KPPROF_A_BUSY_NS, KIND_U64, "cpu_ns", "ns of CPU time"},
};

static void armed_json(const struct message *m)
{
	printf(",\"kind\":\"%s\",\"by\":\"%s\",\"kernel\":%s,\"exited\":%s", kind_of(m), by_of(m),
	       m->attr[KPPROF_A_KERNEL] ? "true" : "false",
	       m->attr[KPPROF_A_EXITED] ? "true" : "false");
	if (m->attr[KPPROF_A_RATE])
		printf(",\"rate\":%" PRIu64, message_u64(m, KPPROF_A_RATE));
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		if (m->attr[costs[i].type])
			printf(",\"%s\":%" PRIu64, costs[i].key, number(m, &costs[i]));
}

static void target_json(const struct message *m, const char *comma)
{
	const char *comm = message_str(m, KPPROF_A_COMM);

	printf("%s{\"box\":%s,\"pid\":", comma, m->attr[KPPROF_A_BOX] ? "true" : "false");
	if (m->attr[KPPROF_A_PID])
		printf("%u", message_u32(m, KPPROF_A_PID, 0));
	else
		fputs("null", stdout);
	fputs(",\"comm\":", stdout);
	if (comm)
		print_json_string(comm);
	else
		fputs("null", stdout);
	if (m->attr[KPPROF_A_HZ])
		printf(",\"hz\":%u", message_u32(m, KPPROF_A_HZ, 0));
	if (m->attr[KPPROF_A_ENGINE])
		printf(",\"engine\":\"%s\"", engine_name(message_u32(m, KPPROF_A_ENGINE, 0)));
	if (m->attr[KPPROF_A_LEASE])
		printf(",\"lease\":%u", message_u32(m, KPPROF_A_LEASE, 0));
	if (m->attr[KPPROF_A_KINDS])
		armed_json(m);
	if (m->attr[KPPROF_A_ARMS])
		printf(",\"arms\":%u,\"inherited\":%s,\"mappings\":%u",
		       message_u32(m, KPPROF_A_ARMS, 0),
		       m->attr[KPPROF_A_INHERITED] ? "true" : "false",
		       message_u32(m, KPPROF_A_NMAPS, 0));
	putchar('}');
}

/* Behind the target: what is armed for it, by whom, until when, and what it has cost. */
static void armed_text(const struct message *m)
{
	printf(": %s", kind_of(m));
	if (m->attr[KPPROF_A_HZ])
		printf(", %u Hz", message_u32(m, KPPROF_A_HZ, 0));
	if (m->attr[KPPROF_A_RATE])
		printf(", rate %" PRIu64, message_u64(m, KPPROF_A_RATE));
	if (m->attr[KPPROF_A_KERNEL])
		fputs(", kernel stacks", stdout);
	if (m->attr[KPPROF_A_ENGINE])
		printf(", %s engine", engine_name(message_u32(m, KPPROF_A_ENGINE, 0)));
	printf(", by %s", by_of(m));
	if (m->attr[KPPROF_A_LEASE])
		printf(", for %u s more", message_u32(m, KPPROF_A_LEASE, 0));
	else if (m->attr[KPPROF_A_EVENTS])
		fputs(", no lease", stdout);
	for (size_t i = 0; i < sizeof(costs) / sizeof(costs[0]); i++)
		if (m->attr[costs[i].type])
			printf(", %" PRIu64 " %s", number(m, &costs[i]), costs[i].label);
	if (m->attr[KPPROF_A_EXITED])
		fputs(", has exited", stdout);
}

static void target_text(const struct message *m)
{
	const char *comm = message_str(m, KPPROF_A_COMM);

	if (m->attr[KPPROF_A_BOX])
		fputs("the whole box", stdout);
	if (m->attr[KPPROF_A_PID])
		printf("pid %u", message_u32(m, KPPROF_A_PID, 0));
	if (comm) {
		fputs(m->attr[KPPROF_A_PID] ? " " : "processes named ", stdout);
		print_text(comm);
	}
	if (m->attr[KPPROF_A_KINDS])
		armed_text(m);
	if (m->attr[KPPROF_A_NMAPS])
		printf(", %u mappings", message_u32(m, KPPROF_A_NMAPS, 0));
	if (m->attr[KPPROF_A_INHERITED])
		fputs(", a child", stdout);
	putchar('\n');
}

void print_target(const struct nlmsghdr *nlh, void *ctx)
{
	struct printer *p = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return;
	if (p->json) {
		target_json(&m, p->n ? "," : "");
	} else {
		fputs(p->indent, stdout);
		target_text(&m);
	}
	p->n++;
}
