// SPDX-License-Identifier: GPL-2.0-or-later
#include "facts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/klog.h>
#include <time.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../control/genl.h"
#include "../control/module.h"
#include "../engine/find.h"
#include "../engine/target.h"
#include "list.h"

enum {
	FILE_MAX = 64 << 10,
	MAPS_MAX_BYTES = 4 << 20,
	DMESG_BYTES = 128 << 10,
};

/* SYSLOG_ACTION_READ_ALL of syslog(2), which has no header. */
enum { KLOG_READ_ALL = 3 };

/* A file that is too long is cut, and one that is not there says so. */
static void put_file(struct buf *out, const char *path)
{
	_cleanup_buf_ struct buf text = {.max = FILE_MAX};
	int err = buf_read_at(&text, AT_FDCWD, path);

	buf_printf(out, "==> %s\n", path);
	if (err && err != -EFBIG) {
		buf_printf(out, "(%s)\n", strerror(-err));
		return;
	}
	buf_append(out, text.data, text.len);
	if (err)
		buf_puts(out, "(cut)");
	if (!text.len || text.data[text.len - 1] != '\n')
		buf_puts(out, "\n");
}

int facts_system(struct buf *out)
{
	static const char *const files[] = {
		"/proc/version",
		"/proc/cmdline",
		"/etc/os-release",
		"/sys/module/kpprof/version",
		"/sys/module/kpprof/srcversion",
		"/proc/sys/kernel/perf_event_paranoid",
		"/proc/sys/kernel/kptr_restrict",
		"/proc/sys/kernel/tainted",
		"/sys/kernel/security/lockdown",
		"/proc/uptime",
		"/proc/loadavg",
		"/proc/pressure/cpu",
		"/proc/pressure/memory",
		"/proc/pressure/io",
		"/proc/meminfo",
		"/proc/vmstat",
		"/proc/stat",
		"/proc/cpuinfo",
		"/proc/modules",
		"/proc/mounts",
		"/proc/net/dev",
		"/proc/net/softnet_stat",
		"/proc/softirqs",
		"/proc/interrupts",
	};
	char why[256] = "", when[64] = "";
	time_t now = time(NULL);
	struct tm tm;
	struct genl *g;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &tm);
	g = module_open(why, sizeof(why));
	buf_printf(out, "taken at %s by kpprofd %s, process %d\nmodule: %s\n\n", when,
		   KPPROF_VERSION, (int)getpid(), g ? "in use" : why);
	genl_close(g);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		put_file(out, files[i]);
	return buf_error(out);
}

int facts_processes(struct buf *out)
{
	_cleanup_buf_ struct buf list = {0};
	int err = box_list(&list);
	const struct box_process *p = (const void *)list.data;

	if (err)
		return err;
	buf_printf(out, "%7s %7s %10s %7s %s %s\n", "PID", "CPU %", "RSS KB", "THREADS", "S",
		   "NAME");
	for (size_t i = 0; i < list.len / sizeof(*p); i++) {
		buf_printf(out, "%7d %5u.%u %10ld %7ld %c ", (int)p[i].pid, p[i].cpu_permille / 10,
			   p[i].cpu_permille % 10, p[i].rss_kb, p[i].threads, p[i].state);
		buf_printable(out, p[i].comm, strlen(p[i].comm));
		buf_puts(out, "\n");
	}
	return buf_error(out);
}

static void put_of_process(struct buf *out, pid_t pid, const char *name)
{
	_cleanup_buf_ struct buf text = {0};
	int err = proc_read(pid, name, MAPS_MAX_BYTES, &text);

	buf_printf(out, "==> /proc/%d/%s\n", (int)pid, name);
	if (err)
		buf_printf(out, "(%s)\n", strerror(-err));
	else
		buf_append(out, text.data, text.len - 1);
}

int facts_maps(const struct target *target, struct buf *out)
{
	static const char *const names[] = {"status", "limits", "smaps_rollup", "maps"};
	_cleanup_buf_ struct buf pids = {0};
	int err = find_processes(target, &pids);
	const pid_t *pid = (const void *)pids.data;

	for (size_t i = 0; !err && i < pids.len / sizeof(*pid); i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++)
			put_of_process(out, pid[i], names[k]);
	return err ? err : buf_error(out);
}

int facts_dmesg(struct buf *out)
{
	char *to = buf_reserve(out, DMESG_BYTES);
	int n;

	if (!to)
		return buf_error(out);
	n = klogctl(KLOG_READ_ALL, to, DMESG_BYTES);
	out->len -= DMESG_BYTES - (size_t)(n > 0 ? n : 0);
	return n < 0 ? -errno : 0;
}
