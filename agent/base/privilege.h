/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the agent may do. It starts as user 0 and gives up everything but a few capabilities
 * (capabilities(7)), so that what a stranger makes of it is not root.
 */
#ifndef KPPROF_PRIVILEGE_H
#define KPPROF_PRIVILEGE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * privilege_drop() - keep what sampling needs, for good
 * @module: the kernel module may be used
 * @group: a group to stay in, for a Unix socket; 0 for none
 *
 * Keeps, as far as they are there:
 *
 *	CAP_PERFMON		perf events of all processes
 *	CAP_BPF			the filters of heap profiles
 *	CAP_SYS_PTRACE		memory and /proc of others
 *	CAP_DAC_READ_SEARCH	their files
 *	CAP_CHECKPOINT_RESTORE	/proc/PID/map_files
 *	CAP_SYSLOG		addresses in kallsyms
 *	CAP_NET_ADMIN		the module's netlink family, with @module
 *	CAP_IPC_LOCK		perf's rings, when RLIMIT_MEMLOCK could not be raised
 *	CAP_SYS_ADMIN		between privilege_raise() and privilege_lower() alone
 *
 * Where the kernel has no CAP_PERFMON or CAP_CHECKPOINT_RESTORE (before 5.9) CAP_SYS_ADMIN stays in
 * effect. All others are gone, from the bounding set, too, which is verified; execve(2) gives
 *nothing back (no_new_privs).
 *
 * Return: 0; or -errno, -EPERM when something is left that should be gone.
 */
int privilege_drop(bool module, gid_t group);

/** privilege_drop_all() - keep nothing; 0 or -errno, as privilege_drop() */
int privilege_drop_all(void);

/**
 * privilege_raise() - CAP_SYS_ADMIN, if it is there, for what the kernel asks it for: opening
 * /proc/PID/stack, mounting tracefs, (since 6.17) probing a program, and any perf event where
 * kernel.perf_event_paranoid is 3, as on Debian
 *
 * Return: what is for privilege_lower(); nests.
 */
bool privilege_raise(void);

/** privilege_lower() - the end of it; errno stays */
void privilege_lower(const bool *raised);

/* In force until the end of the scope. */
#define _privilege_raised_ __attribute__((__cleanup__(privilege_lower), __unused__))

/** privilege_describe() - names of the capabilities in effect, with blanks between */
void privilege_describe(char *out, size_t size);

#endif /* KPPROF_PRIVILEGE_H */
