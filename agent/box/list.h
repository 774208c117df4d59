/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The processes of the box, as its pages list them. */
#ifndef KPPROF_LIST_H
#define KPPROF_LIST_H

#include <stdbool.h>
#include <sys/types.h>

struct buf;

/**
 * struct box_process - one process
 * @pid: thread group id
 * @comm: its name, hostile text
 * @state: as /proc/PID/stat has it
 * @threads: how many
 * @rss_kb: resident memory in KiB
 * @cpu_permille: CPU time of its threads by the time since its start, in thousandths of a CPU
 * @kernel: a kernel thread
 */
struct box_process {
	pid_t pid;
	char comm[64];
	char state;
	long threads;
	long rss_kb;
	unsigned int cpu_permille;
	bool kernel;
};

/**
 * box_list() - append a struct box_process for each process, those with the most CPU time first
 *
 * Processes that go while they are read are left out.
 *
 * Return: 0, -ENOMEM, or -errno of /proc.
 */
int box_list(struct buf *out);

/** box_stat_parse() - the text of /proc/PID/stat; @uptime in seconds; 0 or -EINVAL */
int box_stat_parse(const char *text, double uptime, struct box_process *out);

#endif /* KPPROF_LIST_H */
