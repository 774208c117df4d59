// SPDX-License-Identifier: GPL-2.0-or-later
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../base/cleanup.h"
#include "../base/privilege.h"

#ifndef __SANITIZE_ADDRESS__
/* What elfutils, zlib, liblzma and the C library do to descriptors and memory that are there. */
static const int calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(readv),
	SCMP_SYS(write),
	SCMP_SYS(writev),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(fcntl),
	SCMP_SYS(memfd_create),
	SCMP_SYS(ftruncate),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(getpid),
	SCMP_SYS(sysinfo),
	SCMP_SYS(gettid),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
};

static int allow_calls(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; !err && i < ARRAY_SIZE(calls); i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	/* No memory becomes code. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
				       SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* fstat(2) of newer C libraries is fstatat(fd, "", AT_EMPTY_PATH); a path with a name in it
	 * can only tell what others may know, too: the worker is nobody. */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 0);
	/* abort(3) */
	if (!err)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				       SCMP_A2(SCMP_CMP_EQ, SIGABRT));
	return err;
}

static int limit_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int err = filter ? allow_calls(filter) : -ENOMEM;

	if (!err)
		err = seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int limit_memory(void)
{
	const struct rlimit data = {SANDBOX_DATA_MAX, SANDBOX_DATA_MAX};
	const struct rlimit space = {SANDBOX_SPACE_MAX, SANDBOX_SPACE_MAX};

	if (setrlimit(RLIMIT_DATA, &data) < 0 || setrlimit(RLIMIT_AS, &space) < 0)
		return -errno;
	return 0;
}
#else
static int limit_calls(void)
{
	return 0;
}

static int limit_memory(void)
{
	return 0;
}
#endif

/* When the box runs out of memory it is this process that goes first. */
static void offer_to_oom(void)
{
	_cleanup_close_ int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)!write(fd, "1000", 4);
}

int sandbox_enter(void)
{
	const struct rlimit none = {0, 0};
	int err;

	if (setrlimit(RLIMIT_CORE, &none) < 0 || setrlimit(RLIMIT_NPROC, &none) < 0)
		return -errno;
	offer_to_oom();
	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	err = privilege_drop_all();
	if (!err)
		err = limit_memory();
	return err ? err : limit_calls();
}
