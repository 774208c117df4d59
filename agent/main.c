// SPDX-License-Identifier: GPL-2.0-or-later
/* kpprofd: options, environment, signals. Everything else is in the library. */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/memory.h"
#include "base/privilege.h"
#include "control/module.h"
#include "engine/engine.h"
#include "engine/clock.h"
#include "http/params.h"
#include "image/jobs.h"
#include "profile/armed.h"

enum { EXIT_USAGE = 2 };

static const char usage_text[] =
	"usage: kpprofd [OPTION...]\n"
	"\n"
	"Serves pprof profiles of any process over HTTP. Without an address it opens no port.\n"
	"\n"
	"  -a, --addr=ADDR     listen on ADDR: 127.0.0.1:6060, [::1]:6060; :6060 for each private\n"
	"                      address of the box as they come and go, %eth0:6060 for those of an\n"
	"                      interface; unix:/PATH (environment PPROF_ADDR; default: none)\n"
	"  -t, --target=WHAT   what /debug/pprof/ is about: a pid, a process name, or \"box\" for\n"
	"                      every process (environment PPROF_TARGET; default: box)\n"
	"  -s, --stack=BYTES   how much of the user stack a CPU sample carries, 1024 to 65528\n"
	"                      (environment PPROF_STACK; default: 65528)\n"
	"  -e, --engine=NAME   auto: the kernel module if it can be had; perf: never; module:\n"
	"                      nothing else (environment PPROF_ENGINE; default: auto)\n"
	"  -A, --arm=KINDS     count from the start, for that target: cpu, block, mutex, "
	"threadcreate,\n"
	"                      with commas between (environment PPROF_ARM; default: none)\n"
	"  -v, --verbose       log more\n"
	"  -q, --quiet         log errors and warnings only\n"
	"      --version       print the version and exit\n"
	"  -h, --help          print this and exit\n"
	"\n" SETTINGS_HELP "\n"
	"kpprofctl reaches the agent over netlink; the environment PPROF_CONTROL is another port\n"
	"for that, or \"off\".\n"
	"\n"
	"Requests, below /debug/pprof/, /pid/PID/debug/pprof/ or /comm/NAME/debug/pprof/:\n"
	"  profile             CPU profile; ?seconds= (default 30) and ?hz= (default 99, 1 to "
	"1000)\n"
	"  block, mutex, threadcreate\n"
	"                      counted since they were first asked for, or armed; ?seconds= for "
	"the\n"
	"                      difference over so long; ?lease=, ?window=, ?rate=, ?kernel=1, "
	"?wait=\n"
	"  cmdline, symbol, and an index page\n";

/* What main() was told, before it is made sense of. */
struct options {
	const char *addr;
	const char *target;
	const char *stack;
	const char *engine;
	const char *arm;
	enum log_level level;
};

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {
		{"addr", required_argument, NULL, 'a'},	 {"target", required_argument, NULL, 't'},
		{"stack", required_argument, NULL, 's'}, {"engine", required_argument, NULL, 'e'},
		{"arm", required_argument, NULL, 'A'},	 {"verbose", no_argument, NULL, 'v'},
		{"quiet", no_argument, NULL, 'q'},	 {"version", no_argument, NULL, 'V'},
		{"help", no_argument, NULL, 'h'},	 {0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "a:t:s:e:A:vqh", longs, NULL)) >= 0) {
		switch (c) {
		case 'a':
			o->addr = optarg;
			break;
		case 't':
			o->target = optarg;
			break;
		case 's':
			o->stack = optarg;
			break;
		case 'e':
			o->engine = optarg;
			break;
		case 'A':
			o->arm = optarg;
			break;
		case 'v':
			o->level = LOG_LEVEL_DEBUG;
			break;
		case 'q':
			o->level = LOG_LEVEL_WARNING;
			break;
		case 'V':
			puts("kpprofd " KPPROF_VERSION);
			return EXIT_SUCCESS;
		case 'h':
			fputs(usage_text, stdout);
			return EXIT_SUCCESS;
		default:
			return EXIT_USAGE;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "kpprofd: unexpected argument: %s\n", argv[optind]);
		return EXIT_USAGE;
	}
	return -1;
}

static bool options_valid(const struct options *o, struct agent_config *cfg)
{
	enum engine_mode mode = ENGINE_AUTO;
	int64_t stack;

	cfg->addr = o->addr;
	if (target_parse(o->target ? o->target : "", &cfg->target)) {
		log_error("target: neither a pid nor a process name: %s", o->target);
		return false;
	}
	if (o->stack && (param_int(o->stack, &stack) || dump_bytes_set(stack))) {
		log_error("stack: not a number from 1024 to 65528: %s", o->stack);
		return false;
	}
	if (o->engine && module_mode_parse(o->engine, &mode)) {
		log_error("engine: neither auto, perf nor module: %s", o->engine);
		return false;
	}
	cfg->arm = o->arm ? armed_kinds_parse(o->arm) : 0;
	if (o->arm && !cfg->arm) {
		log_error("arm: not a list of profiles that can be armed: %s", o->arm);
		return false;
	}
	module_set_mode(mode);
	return settings_read(&cfg->settings) == 0;
}

/* Each image of each process that is looked at is an open file, each CPU two perf events, whose
 * rings count as locked memory. */
static void raise_limits(void)
{
	const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
	struct rlimit rl;

	setrlimit(RLIMIT_MEMLOCK, &all);
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
}

static struct loop *main_loop;

static void on_signal(struct loop_fd *w, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	if (read(w->fd, &info, sizeof(info)) == sizeof(info))
		log_info("signal %u: ending", info.ssi_signo);
	loop_stop(main_loop);
}

static int watch_signals(struct loop *loop, struct loop_fd *w)
{
	sigset_t set;
	int fd;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	return loop_add(loop, w, fd, EPOLLIN);
}

/* When the port is open and the module was asked for, nothing more is needed of user 0. */
static int drop_privileges(const struct agent_config *cfg)
{
	char left[256];
	int err = privilege_drop(module_mode() != ENGINE_PERF, cfg->settings.unix_group);

	if (err) {
		log_error("privileges cannot be given up: %s", strerror(-err));
		return err;
	}
	privilege_describe(left, sizeof(left));
	log_debug("capabilities: %s", left);
	return 0;
}

static int run(const struct agent_config *cfg)
{
	struct loop_fd signals = {.fd = -1, .cb = on_signal};
	struct agent *agent = NULL;
	int err, fd;

	err = loop_create(&main_loop);
	if (err)
		return err;
	module_try();
	err = watch_signals(main_loop, &signals);
	if (!err)
		err = agent_create(main_loop, cfg, &agent);
	if (!err)
		err = drop_privileges(cfg);
	if (!err)
		err = loop_run(main_loop);
	agent_destroy(agent);
	fd = signals.fd;
	loop_del(main_loop, &signals);
	cleanup_close_(&fd);
	loop_destroy(main_loop);
	return err;
}

int main(int argc, char **argv)
{
	struct options o = {
		.addr = from_env("PPROF_ADDR"),
		.target = from_env("PPROF_TARGET"),
		.stack = from_env("PPROF_STACK"),
		.engine = from_env("PPROF_ENGINE"),
		.arm = from_env("PPROF_ARM"),
		.level = LOG_LEVEL_INFO,
	};
	struct agent_config cfg = {0};
	int status;

	if (argc == 2 && strcmp(argv[1], WORKER_ARG) == 0)
		return worker_main(WORKER_FD);
	status = parse_options(argc, argv, &o);
	if (status >= 0)
		return status;
	log_set_level(o.level);
	if (log_open(from_env("PPROF_LOG"))) {
		log_error("PPROF_LOG: neither stderr nor syslog");
		return EXIT_USAGE;
	}
	if (!options_valid(&o, &cfg))
		return EXIT_USAGE;
	/* Memory is given back when a capture ends: large blocks are mapped, and one arena is
	 * enough. Copies of stacks are smaller: each sample has one, for a moment. */
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 128 << 10);
	raise_limits();
	memory_limit(cfg.settings.memory_mb);
	if (cfg.settings.nice)
		setpriority(PRIO_PROCESS, 0, cfg.settings.nice);
	if (!cfg.addr)
		log_info("no address given (PPROF_ADDR): no port is open");
	return run(&cfg) ? EXIT_FAILURE : EXIT_SUCCESS;
}
