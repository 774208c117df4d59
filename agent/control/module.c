// SPDX-License-Identifier: GPL-2.0-or-later
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../uapi/kpprof.h"
#include "../base/buf.h"
#include "../base/cleanup.h"
#include "genl.h"

static enum engine_mode wanted_mode;

void module_set_mode(enum engine_mode mode)
{
	wanted_mode = mode;
}

enum engine_mode module_mode(void)
{
	return wanted_mode;
}

int module_mode_parse(const char *text, enum engine_mode *out)
{
	static const char *const names[] = {
		[ENGINE_AUTO] = "auto",
		[ENGINE_PERF] = "perf",
		[ENGINE_MODULE] = "module",
	};

	for (unsigned int i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = (enum engine_mode)i;
			return 0;
		}
	}
	return -EINVAL;
}

/* A small file as a string, "" when it cannot be read. */
static const char *read_text(const char *path, struct buf *b)
{
	buf_deinit(b);
	*b = (struct buf){.max = 4 << 20};
	if (buf_read_at(b, AT_FDCWD, path))
		return "";
	buf_append(b, "", 1);
	return buf_error(b) ? "" : b->data;
}

/* Whether modprobe would find the module for the kernel that runs. */
static bool is_installed(const char *release)
{
	_cleanup_buf_ struct buf b = {0};
	char path[128];

	snprintf(path, sizeof(path), "/lib/modules/%s/modules.dep", release);
	return strstr(read_text(path, &b), "/kpprof.ko");
}

/* Lockdown lists its levels, and brackets the one in force. */
static bool is_locked_down(void)
{
	_cleanup_buf_ struct buf b = {0};
	const char *text = read_text("/sys/kernel/security/lockdown", &b);

	return *text && !strstr(text, "[none]");
}

/* Runs `modprobe -b kpprof` and gives what it says; returns its status, or -errno. */
static int run_modprobe(char *says, size_t size)
{
	static char program[] = "modprobe", option[] = "-b", name[] = "kpprof";
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", locale[] = "LC_ALL=C";
	char *const argv[] = {program, option, name, NULL};
	char *const env[] = {path, locale, NULL};
	posix_spawn_file_actions_t actions;
	int fds[2], status = 0, err;
	ssize_t n = 0, got;
	pid_t pid;

	says[0] = '\0';
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], STDERR_FILENO);
	err = posix_spawnp(&pid, argv[0], &actions, NULL, argv, env);
	posix_spawn_file_actions_destroy(&actions);
	close(fds[1]);
	while (!err && n < (ssize_t)size - 1 &&
	       (got = read(fds[0], says + n, size - 1 - (size_t)n)) > 0)
		n += got;
	close(fds[0]);
	if (err)
		return -err;
	says[n] = '\0';
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EIO;
}

/* What modprobe's message means; the texts are those of strerror(3) for finit_module(2). */
static const char *refusal(const char *says)
{
	if (strstr(says, "Key was rejected"))
		return "its signature is not accepted by this kernel";
	if (strstr(says, "Required key not available"))
		return "it is not signed with a key that this kernel knows";
	if (strstr(says, "Exec format error") || strstr(says, "Invalid module format"))
		return "it was built for another kernel";
	if (strstr(says, "Operation not permitted") || strstr(says, "Permission denied"))
		return is_locked_down() ? "the kernel is locked down"
					: "loading modules is not permitted";
	if (strstr(says, "Unknown symbol"))
		return "this kernel lacks what it needs (see the kernel's log)";
	return NULL;
}

/* What module_try() found out. */
static bool tried;
static char refused[256];

/* Tries to load the module; true when it may be there now. */
static bool load(char *why, size_t size)
{
	_cleanup_buf_ struct buf b = {0};
	struct utsname un = {0};
	const char *known;
	char says[512];
	int status;

	uname(&un);
	if (!is_installed(un.release)) {
		snprintf(why, size, "no kpprof.ko for kernel %s is installed", un.release);
		return false;
	}
	if (read_text("/proc/sys/kernel/modules_disabled", &b)[0] == '1') {
		snprintf(why, size, "loading modules is switched off (kernel.modules_disabled)");
		return false;
	}
	if (tried) {
		snprintf(why, size, "%s", *refused ? refused : "the module is not loaded");
		return false;
	}
	status = run_modprobe(says, sizeof(says));
	if (!status)
		return true;
	known = refusal(says);
	says[strcspn(says, "\n")] = '\0';
	if (known)
		snprintf(why, size, "the module cannot be loaded: %s", known);
	else if (status > 0)
		snprintf(why, size, "the module cannot be loaded: %s",
			 *says ? says : "modprobe failed without a word");
	else
		snprintf(why, size, "modprobe: %s", strerror(-status));
	return false;
}

static bool right_version(const struct genl *g, char *why, size_t size)
{
	if (genl_version(g) == KPPROF_GENL_VERSION)
		return true;
	snprintf(why, size, "the module speaks version %u of the protocol, this agent %u",
		 genl_version(g), KPPROF_GENL_VERSION);
	return false;
}

struct genl *module_open(char *why, size_t size)
{
	struct genl *g = NULL;
	int err;

	if (wanted_mode == ENGINE_PERF) {
		snprintf(why, size, "switched off by option");
		return NULL;
	}
	err = genl_open(KPPROF_GENL_NAME, &g);
	if (err == -ENOENT) {
		if (!load(why, size))
			return NULL;
		err = genl_open(KPPROF_GENL_NAME, &g);
		/* -b: modprobe does nothing, without a word, for a module that is blacklisted. */
		if (err == -ENOENT) {
			snprintf(why, size, "the module is blacklisted (modprobe.d)");
			return NULL;
		}
	}
	if (err) {
		snprintf(why, size, "generic netlink: %s", strerror(-err));
		return NULL;
	}
	if (!right_version(g, why, size)) {
		genl_close(g);
		return NULL;
	}
	return g;
}

void module_try(void)
{
	struct genl *g;

	if (wanted_mode == ENGINE_PERF)
		return;
	g = module_open(refused, sizeof(refused));
	if (g)
		*refused = '\0';
	genl_close(g);
	tried = true;
}
