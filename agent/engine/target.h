/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which processes a profile is about. */
#ifndef KPPROF_TARGET_H
#define KPPROF_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum target_kind {
	TARGET_BOX,  /* every process, and the kernel */
	TARGET_PID,  /* one process, with the children that it makes during the capture */
	TARGET_COMM, /* the processes of that name, with theirs */
};

/* Bytes of a name, and the largest process ID that Linux can have (PID_MAX_LIMIT). */
enum { TARGET_COMM_MAX = 64, TARGET_PID_MAX = 1 << 22 };

/**
 * struct target - a choice of processes
 * @kind: how they are chosen
 * @pid: for TARGET_PID: thread group id in the initial namespace
 * @comm: for TARGET_COMM: /proc/PID/comm, of which the kernel keeps 15 bytes
 */
struct target {
	enum target_kind kind;
	pid_t pid;
	char comm[TARGET_COMM_MAX + 1];
};

/**
 * target_parse() - as PPROF_TARGET has it: "" or "box", a pid, or a name
 *
 * Digits, with or without a sign, are a pid and never a name.
 *
 * Return: 0, or -EINVAL: over-long, with '/' or a control character in it, or a pid that is no pid.
 * @out is untouched then.
 */
int target_parse(const char *s, struct target *out);

/** target_pid_set() - choose a pid given as text, decimal without sign or leading zero; 0 or
 * -EINVAL */
int target_pid_set(struct target *t, const char *pid);

/** target_comm_set() - choose a name of 1 to TARGET_COMM_MAX bytes; 0 or -EINVAL, see
 * target_parse() */
int target_comm_set(struct target *t, const char *comm);

/** target_describe() - for people: "pid 812", "processes named nginx", "the whole box"; returns
 * @out */
const char *target_describe(const struct target *t, char *out, size_t size);

/** target_comm_is() - whether the kernel's comm (cut at 15 bytes) is that of a TARGET_COMM */
bool target_comm_is(const struct target *t, const char *comm);

#endif /* KPPROF_TARGET_H */
