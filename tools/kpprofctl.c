// SPDX-License-Identifier: GPL-2.0-or-later
/* kpprofctl: talks to the agent, or to the module when there is no agent, over netlink. */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/genetlink.h>

#include "../agent/control/client.h"
#include "../agent/control/genl.h"
#include "../agent/control/message.h"
#include "../agent/control/usersock.h"
#include "../agent/base/buf.h"
#include "../agent/base/cleanup.h"
#include "../agent/http/params.h"
#include "ctl_bundle.h"
#include "ctl_doctor.h"
#include "ctl_print.h"
#include "ctl_symbols.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2, EXIT_NOBODY = 3, EXIT_PERMISSION = 4 };

static const char usage_text[] =
	"usage: kpprofctl [-j] COMMAND\n"
	"\n"
	"  on ADDR        the agent listens on ADDR, such as 127.0.0.1:6060, or :6060 for each\n"
	"                 private address of the box; public ones are refused\n"
	"    --for=TIME     and closes the port again after so long: seconds, or 90s, 10m, 2h\n"
	"  off            it closes its port; captures that were asked for there end\n"
	"  status         engine, port, and what is hooked in the kernel now\n"
	"  arm [KINDS]    count for a target from now on, whether somebody asks or not: block, "
	"mutex,\n"
	"                 threadcreate, heap, growth, with commas between; cpu (the default)\n"
	"                 samples without a\n"
	"                 profile, for readers of the trace events kpprof:*\n"
	"    --pid=N        a process and the children that it makes, or\n"
	"    --comm=NAME    all processes of that name, or\n"
	"    --box          all processes\n"
	"    --hz=N         cpu: samples per second and CPU, 1 to 1000 (default 99)\n"
	"    --rate=N       block, mutex: waits shorter than N ns are kept with probability\n"
	"                   duration/N (default 1000000)\n"
	"                   heap, growth: mean bytes between samples (default 524288)\n"
	"    --kernel       kernel halves of stacks, too\n"
	"    --lease=TIME   for so long: seconds, or 90s, 10m, 1h (default: cpu 10m, others for "
	"ever)\n"
	"  disarm [KINDS] end that, for --pid=N, --comm=NAME or --box, or for all\n"
	"  bundle         everything about a target in one tar.gz, for a support ticket: all "
	"profiles\n"
	"                 of the same time, threads, mappings, kernel log\n"
	"    --pid=N, --comm=NAME (default: the agent's target)\n"
	"    --seconds=N    how long (default 30)\n"
	"    --output=FILE  instead of the name that the agent gives it; - for the standard "
	"output\n"
	"                   PPROF_USER=NAME:PASSWORD in the environment, where one is needed\n"
	"  doctor         what this kernel lacks, and what that costs; asks nobody\n"
	"  symbols        names from unstripped files, on another machine; asks nobody\n"
	"    --profile=FILE what was taken on the box\n"
	"    --tree=DIR     programs, libraries and debug files, found by build ID\n"
	"    --output=FILE  the profile with names\n"
	"    --path=DIR     and links for PPROF_BINARY_PATH of google/pprof\n"
	"  targets        what is armed and sampled now: by whom, until when, at what cost\n"
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
	bool kernel;
	uint32_t pid;
	uint32_t hz;
	uint32_t rate;
	uint32_t lease;
	uint32_t kinds;
	uint32_t seconds;
	const char *comm;
	const char *output;
	const char *profile;
	const char *tree;
	const char *path;
};

/* One of the two is there. */
struct peer {
	struct client *agent;
	struct genl *module;
};

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

static int find_peer(struct peer *p, bool agent_only, struct client_status *status)
{
	uint32_t port = usersock_port();
	int err = port ? client_open_agent(port, &p->agent) : -ECONNREFUSED;

	if (!err)
		err = client_status(p->agent, status);
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

/* What is armed is part of the agent's status. */
static int print_armed(struct peer *p, const struct options *o)
{
	struct printer printer = {.json = o->json, .indent = "armed: "};
	int status;

	if (o->json)
		fputs(",\"armed\":[", stdout);
	begin(p, KPPROF_CMD_TARGETS, NLM_F_DUMP);
	status = send_to(p, print_target, &printer);
	if (o->json)
		putchar(']');
	return status;
}

static int do_status(struct peer *p, const struct options *o)
{
	struct printer printer = {.json = o->json, .indent = ""};
	int status;

	begin(p, KPPROF_CMD_STATUS, 0);
	status = send_to(p, print_status, &printer);
	if (!status && p->agent)
		status = print_armed(p, o);
	if (o->json && printer.n)
		puts("}");
	return status;
}

static int do_targets(struct peer *p, const struct options *o)
{
	struct printer printer = {.json = o->json, .indent = ""};
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
	if (o->comm)
		mnl_attr_put_strz(nlh, KPPROF_A_COMM, o->comm);
	if (o->kinds)
		mnl_attr_put_u32(nlh, KPPROF_A_KINDS, o->kinds);
}

static int do_arm(struct peer *p, const struct options *o)
{
	struct nlmsghdr *nlh = begin(p, KPPROF_CMD_ARM, 0);

	put_target(nlh, o);
	if (o->hz)
		mnl_attr_put_u32(nlh, KPPROF_A_HZ, o->hz);
	if (o->rate)
		mnl_attr_put_u64(nlh, KPPROF_A_RATE, o->rate);
	if (o->kernel)
		mnl_attr_put(nlh, KPPROF_A_KERNEL, 0, NULL);
	if (o->lease)
		mnl_attr_put_u32(nlh, KPPROF_A_LEASE, o->lease);
	return send_to(p, NULL, NULL);
}

static int do_disarm(struct peer *p, const struct options *o)
{
	put_target(begin(p, KPPROF_CMD_DISARM, 0), o);
	return send_to(p, NULL, NULL);
}

static int do_bundle(const struct client_status *status, const struct options *o)
{
	_cleanup_buf_ struct buf prefix = {0};
	int err;

	if (o->pid)
		buf_printf(&prefix, "/pid/%u", o->pid);
	if (o->comm) {
		buf_puts(&prefix, "/comm/");
		percent_encode(&prefix, o->comm);
	}
	buf_append(&prefix, "", 1);
	if (buf_error(&prefix))
		return report(-ENOMEM, "");
	err = ctl_bundle(&(struct bundle_request){.addr = status->bound,
						  .prefix = prefix.data,
						  .seconds = o->seconds ? o->seconds : 30,
						  .output = o->output});
	return err == -EPERM ? EXIT_PERMISSION : err ? EXIT_REFUSED : EXIT_SUCCESS;
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

/* Options with a text; false for another one. */
static bool take_text(struct options *o, int c, const char *text)
{
	const struct {
		int c;
		const char **to;
	} texts[] = {
		{'c', &o->comm}, {'o', &o->output}, {'P', &o->profile},
		{'T', &o->tree}, {'D', &o->path},
	};

	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		if (texts[i].c != c)
			continue;
		*texts[i].to = text;
		return true;
	}
	return false;
}

/* Options with a number; 0, or the exit status. */
static int take_number(struct options *o, int c, const char *text)
{
	const struct {
		int c;
		bool time;
		uint32_t *to;
		const char *wrong;
	} numbers[] = {
		{'p', false, &o->pid, "no process ID: "}, {'r', false, &o->rate, "no rate: "},
		{'z', false, &o->hz, "no rate: "},	  {'l', true, &o->lease, "no time: "},
		{'s', true, &o->seconds, "no time: "},
	};

	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (numbers[i].c != c)
			continue;
		*numbers[i].to = parse_number(text, numbers[i].time);
		return *numbers[i].to ? 0 : usage(numbers[i].wrong, text);
	}
	return EXIT_USAGE;
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"json", no_argument, NULL, 'j'},
		{"pid", required_argument, NULL, 'p'},
		{"comm", required_argument, NULL, 'c'},
		{"box", no_argument, NULL, 'b'},
		{"hz", required_argument, NULL, 'z'},
		{"rate", required_argument, NULL, 'r'},
		{"kernel", no_argument, NULL, 'k'},
		{"lease", required_argument, NULL, 'l'},
		{"for", required_argument, NULL, 'l'},
		{"seconds", required_argument, NULL, 's'},
		{"output", required_argument, NULL, 'o'},
		{"profile", required_argument, NULL, 'P'},
		{"tree", required_argument, NULL, 'T'},
		{"path", required_argument, NULL, 'D'},
		{"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	int c, status;

	while ((c = getopt_long(argc, argv, "jh", longs, NULL)) >= 0) {
		switch (c) {
		case 'j':
			o->json = true;
			break;
		case 'b':
			o->box = true;
			break;
		case 'k':
			o->kernel = true;
			break;
		case 'V':
			puts("kpprofctl " KPPROF_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			status = take_text(o, c, optarg) ? 0 : take_number(o, c, optarg);
			if (status)
				return status;
		}
	}
	return -1;
}

static int do_symbols(const struct options *o)
{
	if (!o->profile || !o->tree || !o->output)
		return usage("symbols needs --profile, --tree and --output", "");
	return ctl_symbols(o->profile, o->tree, o->output, o->path) ? EXIT_REFUSED : EXIT_SUCCESS;
}

static int run(struct peer *p, const char *command, const char *arg, const struct options *o)
{
	bool agent_only =
		!strcmp(command, "arm") || !strcmp(command, "disarm") || !strcmp(command, "bundle");
	struct client_status agent = {0};
	int status;

	if (!strcmp(command, "doctor"))
		return ctl_doctor() ? EXIT_REFUSED : EXIT_SUCCESS;
	if (!strcmp(command, "symbols"))
		return do_symbols(o);
	status = find_peer(p, agent_only, &agent);
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
	if (!strcmp(command, "bundle"))
		return do_bundle(&agent, o);
	if (!strcmp(command, "arm"))
		return do_arm(p, o);
	return do_disarm(p, o);
}

static bool is_command(const char *word)
{
	static const char *const words[] = {"on",     "off",	"status",  "targets", "arm",
					    "disarm", "bundle", "symbols", "doctor"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(word, words[i]))
			return true;
	return false;
}

/* Kinds by names with commas between: bits 1 << kind; 0 for a wrong one. */
static uint32_t parse_kinds(const char *names)
{
	uint32_t bits = 0;

	for (;;) {
		size_t len = strcspn(names, ",");
		unsigned int k = 0;

		while (k < __KPPROF_KINDS &&
		       (strlen(kind_names[k]) != len || memcmp(kind_names[k], names, len) != 0))
			k++;
		if (k == __KPPROF_KINDS)
			return 0;
		bits |= 1u << k;
		if (!names[len])
			return bits;
		names += len + 1;
	}
}

/* Whether the words fit together; returns 0 or the exit status. */
static int check(const char *command, const char *arg, bool more, struct options *o)
{
	bool arms = !strcmp(command, "arm") || !strcmp(command, "disarm");
	int targets = (o->pid != 0) + o->box + (o->comm != NULL);

	if (more || (arg && !arms && strcmp(command, "on") != 0))
		return usage("too many arguments", "");
	if (!arg && strcmp(command, "on") == 0)
		return usage("on needs an address", "");
	if (arg && !arms && strlen(arg) > KPPROF_ADDR_MAX)
		return usage("the address is too long", "");
	o->kinds = arg && arms ? parse_kinds(arg) : 0;
	if (arg && arms && !o->kinds)
		return usage("not a list of kinds: ", arg);
	if (targets > 1 || (!targets && !strcmp(command, "arm")))
		return usage("arm needs one of --pid, --comm and --box", "");
	if (o->comm && (!*o->comm || strlen(o->comm) > KPPROF_ADDR_MAX))
		return usage("no process name: ", o->comm);
	return 0;
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
	status = check(command, arg, optind < argc, &o);
	if (status)
		return status;
	status = run(&peer, command, arg, &o);
	client_close(peer.agent);
	genl_close(peer.module);
	return status;
}
