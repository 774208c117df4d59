// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>

#include "../agent/base/buf.h"
#include "../agent/base/cleanup.h"
#include "../agent/control/genl.h"
#include "../agent/control/module.h"

/* ---- looking: each returns whether it is there, with more to say in @why */

enum { WHY_MAX = 256 };

static bool from_errno(char *why)
{
	snprintf(why, WHY_MAX, "%s", strerror(errno));
	return false;
}

static bool readable(const char *path, char *why)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char bytes[8]; /* which is as little as pagemap gives */

	return (fd >= 0 && read(fd, bytes, sizeof(bytes)) >= 0) || from_errno(why);
}

static bool has_perf_event(uint32_t type, uint64_t config, char *why)
{
	struct perf_event_attr attr = {
		.type = type, .size = sizeof(attr), .config = config, .sample_period = 100000000};
	_cleanup_close_ int fd = -1;

	attr.disabled = 1;
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd >= 0 || from_errno(why);
}

static bool is_root(char *why)
{
	snprintf(why, WHY_MAX, "user %d", (int)geteuid());
	return geteuid() == 0;
}

static bool has_clock(char *why)
{
	return has_perf_event(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_CPU_CLOCK, why);
}

static bool has_cycles(char *why)
{
	return has_perf_event(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES, why);
}

static bool has_memfd(char *why)
{
	_cleanup_close_ int fd = memfd_create("kpprof-doctor", MFD_CLOEXEC);

	return fd >= 0 || from_errno(why);
}

static bool has_module(char *why)
{
	struct genl *g = module_open(why, WHY_MAX);

	if (!g)
		return false;
	genl_close(g);
	return true;
}

static bool has_tracefs(char *why)
{
	return readable("/sys/kernel/tracing/events/sched/sched_switch/id", why) ||
	       readable("/sys/kernel/debug/tracing/events/sched/sched_switch/id", why);
}

static bool has_uprobes(char *why)
{
	return readable("/sys/bus/event_source/devices/uprobe/type", why);
}

static bool has_bpf(char *why)
{
	union bpf_attr attr = {0};
	_cleanup_close_ int fd = -1;

	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = attr.value_size = sizeof(uint32_t);
	attr.max_entries = 1;
	fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd >= 0 || from_errno(why);
}

static bool has_kallsyms(char *why)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/kallsyms", "re");
	unsigned long long address = 0;

	if (!f)
		return from_errno(why);
	while (!address && fscanf(f, "%llx %*[^\n]", &address) == 1)
		;
	snprintf(why, WHY_MAX, "all addresses are 0: kernel.kptr_restrict");
	return address;
}

static bool has_memory(char *why)
{
	char from = 'x', to = 0;
	struct iovec remote = {&from, 1}, local = {&to, 1};

	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == 1 || from_errno(why);
}

static bool has_syscall(char *why)
{
	return readable("/proc/self/syscall", why);
}

static bool has_stack(char *why)
{
	return readable("/proc/self/stack", why);
}

static bool has_sched(char *why)
{
	return readable("/proc/self/sched", why);
}

static bool has_schedstat(char *why)
{
	return readable("/proc/self/schedstat", why);
}

static bool has_pagemap(char *why)
{
	return readable("/proc/self/pagemap", why);
}

static bool has_dmesg(char *why)
{
	char text[64];

	/* SYSLOG_ACTION_READ_ALL */
	return klogctl(3, text, sizeof(text)) >= 0 || from_errno(why);
}

static bool has_no_lockdown(char *why)
{
	_cleanup_buf_ struct buf b = {.max = 4096};

	if (buf_read_at(&b, AT_FDCWD, "/sys/kernel/security/lockdown"))
		return true;
	snprintf(why, WHY_MAX, "%.*s", (int)strcspn(b.data, "\n"), b.data);
	return memmem(b.data, b.len, "[none]", 6);
}

/* ---- telling */

/* @costs: what is not to be had without it; @needs: what the kernel or the system has to have. */
static const struct check {
	const char *what;
	bool (*there)(char *why);
	bool required;
	const char *costs;
	const char *needs;
} checks[] = {
	{"root", is_root, true, "other users' processes cannot be looked at", "root"},
	{"perf events", has_clock, true, "no profiles", "CONFIG_PERF_EVENTS"},
	{"memory files", has_memfd, true, "no names and no stacks",
	 "CONFIG_MEMFD_CREATE, CONFIG_SHMEM"},
	{"the module", has_module, false,
	 "the agent copies and walks stacks itself: more CPU time and memory; no context of a "
	 "sample; thread dumps without registers",
	 "kpprof.ko for this kernel"},
	{"cycles as a clock", has_cycles, false,
	 "the kernel's cpu-clock instead, which does not see code that has interrupts off",
	 "CONFIG_HW_PERF_EVENTS and a PMU"},
	{"no lockdown", has_no_lockdown, false,
	 "the module has to be signed; no kernel addresses, and no memory of others to BPF",
	 "lockdown=none, or a signed module"},
	{"trace events", has_tracefs, false, "no block, mutex and threadcreate without the module",
	 "CONFIG_EVENT_TRACING, tracefs mounted"},
	{"uprobes", has_uprobes, false, "no heap and allocs; mode=growth is there",
	 "CONFIG_UPROBE_EVENTS"},
	{"BPF", has_bpf, false, "no heap and allocs, nor mode=growth of one process",
	 "CONFIG_BPF_SYSCALL, CONFIG_BPF_EVENTS"},
	{"page map", has_pagemap, false, "no mode=growth", "CONFIG_PROC_PAGE_MONITOR"},
	{"kernel symbols", has_kallsyms, false, "kernel code has no names",
	 "CONFIG_KALLSYMS, kernel.kptr_restrict below 2"},
	{"memory of others", has_memory, false, "no stacks in thread dumps, no deadlocks",
	 "CONFIG_CROSS_MEMORY_ATTACH"},
	{"system calls of others", has_syscall, false, "thread dumps and deadlocks need the module",
	 "CONFIG_HAVE_ARCH_TRACEHOOK"},
	{"kernel stacks", has_stack, false, "no kernel half in thread dumps", "CONFIG_STACKTRACE"},
	{"time in a state", has_sched, false,
	 "thread dumps do not say for how long, without the module", "CONFIG_SCHED_DEBUG"},
	{"runs of a thread", has_schedstat, false,
	 "that a thread slept while it was read is less certain", "CONFIG_SCHED_INFO"},
	{"kernel log", has_dmesg, false, "no dmesg.txt in a bundle", "CAP_SYSLOG"},
};

int ctl_doctor(void)
{
	struct utsname un = {0};
	bool usable = true;

	uname(&un);
	printf("%s %s %s\n", un.sysname, un.release, un.machine);
	for (size_t i = 0; i < ARRAY_SIZE(checks); i++) {
		const struct check *c = &checks[i];
		char why[WHY_MAX] = "";

		if (c->there(why)) {
			printf("ok       %s\n", c->what);
			continue;
		}
		usable &= !c->required;
		printf("%s %s: %s\n         without it: %s\n         it takes:   %s\n",
		       c->required ? "REQUIRED" : "missing ", c->what, why, c->costs, c->needs);
	}
	return usable ? 0 : -ENOSYS;
}
