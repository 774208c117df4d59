// SPDX-License-Identifier: GPL-2.0-or-later
/* kpprofctl: talks to the agent, or to the module when there is no agent, over netlink. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "../agent/control/client.h"
#include "../agent/control/genl.h"
#include "../agent/control/message.h"
#include "../agent/control/usersock.h"
#include "../kmod/walk.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOBODY = 3, EXIT_PERMISSION = 4 };

static const char usage_text[] =
	"usage: kpprofctl [-j] COMMAND\n"
	"\n"
	"  on ADDR        the agent listens on ADDR, such as 127.0.0.1:6060, or :6060 for each\n"
	"                 private address of the box; public ones are refused\n"
	"    --for=TIME     and closes the port again after so long: seconds, or 90s, 10m, 2h\n"
	"  off            it closes its port; captures that were asked for there end\n"
	"  status         engine, port, and what is hooked in the kernel now\n"
	"  arm            sample without a profile, for readers of the trace events kpprof:*\n"
	"    --pid=N        a process and its children, or\n"
	"    --box          all processes\n"
	"    --hz=N         samples per second and CPU, 1 to 1000 (default 99)\n"
	"    --lease=TIME   for so long: seconds, or 90s, 10m, 1h (default 10m)\n"
	"  disarm         end that, for --pid=N or --box, or for all\n"
	"  targets        what is sampled now\n"
	"\n"
	"  -j, --json     print JSON\n"
	"      --version  print the version and exit\n"
	"  -h, --help     print this and exit\n"
	"\n"
	"Without an agent, on, off, status and targets ask the kernel module: it keeps the "
	"address\n"
	"for the agent that comes. PPROF_CONTROL in the environment is the agent's netlink port.\n"
	"\n"
	"Exit status: 0 done; 1 refused, for the reason that is printed; 2 wrong usage; 3 neither\n"
	"agent nor module is there; 4 not permitted.\n";

struct options {
	bool json;
	bool box;
	uint32_t pid;
	uint32_t hz;
	uint32_t lease;
};

/* One of the two is there. */
struct peer {
	struct client *agent;
	struct genl *module;
};

/* ---- what is printed */

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
	puts("}}");
}

struct printer {
	const struct options *o;
	unsigned int n;
};

static void print_status(const struct nlmsghdr *nlh, void *ctx)
{
	const struct printer *p = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return;
	if (p->o->json)
		status_json(&m);
	else
		status_text(&m);
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
	if (m->attr[KPPROF_A_ARMS])
		printf(",\"arms\":%u,\"inherited\":%s,\"mappings\":%u",
		       message_u32(m, KPPROF_A_ARMS, 0),
		       m->attr[KPPROF_A_INHERITED] ? "true" : "false",
		       message_u32(m, KPPROF_A_NMAPS, 0));
	putchar('}');
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
	if (m->attr[KPPROF_A_HZ])
		printf(", %u Hz", message_u32(m, KPPROF_A_HZ, 0));
	if (m->attr[KPPROF_A_ENGINE])
		printf(", %s engine", engine_name(message_u32(m, KPPROF_A_ENGINE, 0)));
	if (m->attr[KPPROF_A_LEASE])
		printf(", armed for %u s more", message_u32(m, KPPROF_A_LEASE, 0));
	if (m->attr[KPPROF_A_NMAPS])
		printf(", %u mappings", message_u32(m, KPPROF_A_NMAPS, 0));
	if (m->attr[KPPROF_A_INHERITED])
		fputs(", a child", stdout);
	putchar('\n');
}

static void print_target(const struct nlmsghdr *nlh, void *ctx)
{
	struct printer *p = ctx;
	struct message m;

	if (message_parse(nlh, &m))
		return;
	if (p->o->json)
		target_json(&m, p->n ? "," : "");
	else
		target_text(&m);
	p->n++;
}

/* ---- asking */

static int report(int err, const char *text)
{
	if (!err)
		return EXIT_SUCCESS;
	fputs("kpprofctl: ", stderr);
	if (*text)
		fprintf(stderr, "%s\n", text);
	else
		fprintf(stderr, "%s\n", strerror(-err));
	return err == -EPERM || err == -EACCES ? EXIT_PERMISSION : EXIT_REFUSED;
}

static struct nlmsghdr *begin(struct peer *p, uint8_t cmd, uint16_t flags)
{
	return p->agent ? client_begin(p->agent, cmd) : genl_begin(p->module, cmd, flags);
}

struct adapter {
	void (*cb)(const struct nlmsghdr *reply, void *ctx);
	void *ctx;
};

static int adapt(const struct nlmsghdr *reply, void *ctx)
{
	const struct adapter *a = ctx;

	if (a->cb)
		a->cb(reply, a->ctx);
	return 0;
}

static int send_to(struct peer *p, void (*cb)(const struct nlmsghdr *reply, void *ctx), void *ctx)
{
	struct adapter a = {cb, ctx};
	int err;

	if (p->agent) {
		err = client_send(p->agent, cb, ctx);
		return report(err, client_error(p->agent));
	}
	err = genl_send(p->module, adapt, &a);
	return report(err, genl_error(p->module));
}

static int find_peer(struct peer *p, bool agent_only)
{
	struct client_status status = {0};
	uint32_t port = usersock_port();
	int err = port ? client_open_agent(port, &p->agent) : -ECONNREFUSED;

	if (!err)
		err = client_status(p->agent, &status);
	if (!err)
		return EXIT_SUCCESS;
	if (err == -EPERM)
		return report(err, client_error(p->agent));
	client_close(p->agent);
	p->agent = NULL;
	if (!agent_only && !genl_open(KPPROF_GENL_NAME, &p->module))
		return EXIT_SUCCESS;
	fprintf(stderr, "kpprofctl: %s\n",
		agent_only ? "no agent is running" : "neither an agent nor the module is there");
	return EXIT_NOBODY;
}

static int do_listen(struct peer *p, const char *addr, uint32_t lease)
{
	struct nlmsghdr *nlh = begin(p, KPPROF_CMD_LISTEN, 0);
	int status;

	if (addr)
		mnl_attr_put_strz(nlh, KPPROF_A_LISTEN, addr);
	if (addr && lease)
		mnl_attr_put_u32(nlh, KPPROF_A_LEASE, lease);
	status = send_to(p, NULL, NULL);
	if (!status && !p->agent)
		fputs("kpprofctl: no agent is running; the module keeps this for it\n", stderr);
	return status;
}

static int do_status(struct peer *p, const struct options *o)
{
	struct printer printer = {.o = o};

	begin(p, KPPROF_CMD_STATUS, 0);
	return send_to(p, print_status, &printer);
}

static int do_targets(struct peer *p, const struct options *o)
{
	struct printer printer = {.o = o};
	int status;

	if (o->json)
		putchar('[');
	begin(p, KPPROF_CMD_TARGETS, NLM_F_DUMP);
	status = send_to(p, print_target, &printer);
	if (o->json)
		puts("]");
	return status;
}

static void put_target(struct nlmsghdr *nlh, const struct options *o)
{
	if (o->box)
		mnl_attr_put(nlh, KPPROF_A_BOX, 0, NULL);
	if (o->pid)
		mnl_attr_put_u32(nlh, KPPROF_A_PID, o->pid);
}

static int do_arm(struct peer *p, const struct options *o)
{
	struct nlmsghdr *nlh = begin(p, KPPROF_CMD_ARM, 0);

	put_target(nlh, o);
	if (o->hz)
		mnl_attr_put_u32(nlh, KPPROF_A_HZ, o->hz);
	if (o->lease)
		mnl_attr_put_u32(nlh, KPPROF_A_LEASE, o->lease);
	return send_to(p, NULL, NULL);
}

static int do_disarm(struct peer *p, const struct options *o)
{
	put_target(begin(p, KPPROF_CMD_DISARM, 0), o);
	return send_to(p, NULL, NULL);
}

/* ---- the command line */

static int usage(const char *what, const char *word)
{
	fprintf(stderr, "kpprofctl: %s%s\nTry 'kpprofctl --help'.\n", what, word);
	return EXIT_USAGE;
}

/* A number from 1 up, with the units of a time when @units; 0 when it is none. */
static uint32_t parse_number(const char *text, bool units)
{
	unsigned long n, unit = 1;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (units && *end) {
		unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 0;
		end++;
	}
	if (errno || *end || !unit || n > UINT32_MAX / unit)
		return 0;
	return (uint32_t)(n * unit);
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'},
		{"pid", required_argument, NULL, 'p'},
		{"box", no_argument, NULL, 'b'},
		{"hz", required_argument, NULL, 'z'},
		{"lease", required_argument, NULL, 'l'},
		{"for", required_argument, NULL, 'l'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "jh", longs, NULL)) >= 0) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'b':
			o->box = true;
			break;
		case 'p':
			o->pid = parse_number(optarg, false);
			if (!o->pid)
				return usage("no process ID: ", optarg);
			break;
		case 'z':
			o->hz = parse_number(optarg, false);
			if (!o->hz)
				return usage("no rate: ", optarg);
			break;
		case 'l':
			o->lease = parse_number(optarg, true);
			if (!o->lease)
				return usage("no time: ", optarg);
			break;
		case 'V':
			puts("kpprofctl " KPPROF_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	}
	return -1;
}

static int run(struct peer *p, const char *command, const char *arg, const struct options *o)
{
	bool agent_only = !strcmp(command, "arm") || !strcmp(command, "disarm");
	int status = find_peer(p, agent_only);

	if (status)
		return status;
	if (!strcmp(command, "on"))
		return do_listen(p, arg, o->lease);
	if (!strcmp(command, "off"))
		return do_listen(p, NULL, 0);
	if (!strcmp(command, "status"))
		return do_status(p, o);
	if (!strcmp(command, "targets"))
		return do_targets(p, o);
	if (!strcmp(command, "arm"))
		return do_arm(p, o);
	return do_disarm(p, o);
}

static bool is_command(const char *word)
{
	static const char *const words[] = {"on", "off", "status", "targets", "arm", "disarm"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct peer peer = {0};
	struct options o = {0};
	const char *command, *arg;
	int status = parse_options(argc, argv, &o);

	if (status >= 0)
		return status;
	command = optind < argc ? argv[optind++] : NULL;
	if (!command)
		return usage("a command is missing", "");
	if (!is_command(command))
		return usage("no such command: ", command);
	arg = optind < argc ? argv[optind++] : NULL;
	if (optind < argc || (arg && strcmp(command, "on") != 0))
		return usage("too many arguments", "");
	if (!arg && strcmp(command, "on") == 0)
		return usage("on needs an address", "");
	if (arg && strlen(arg) > KPPROF_ADDR_MAX)
		return usage("the address is too long", "");
	if (strcmp(command, "arm") == 0 && !o.pid == !o.box)
		return usage("arm needs either --pid or --box", "");
	status = run(&peer, command, arg, &o);
	client_close(peer.agent);
	genl_close(peer.module);
	return status;
}
