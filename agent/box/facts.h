/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a stranger asks first about a box: texts of a bundle. */
#ifndef KPPROF_FACTS_H
#define KPPROF_FACTS_H

struct buf;
struct target;

/** facts_system() - versions of kernel, module and agent, command line, load, memory */
int facts_system(struct buf *out);

/** facts_processes() - a table of the processes: CPU, memory, threads, state */
int facts_processes(struct buf *out);

/** facts_maps() - /proc/PID/maps and smaps_rollup of each process of a target; -ESRCH for none */
int facts_maps(const struct target *target, struct buf *out);

/** facts_dmesg() - the end of the kernel's log; -errno of syslog(2) */
int facts_dmesg(struct buf *out);

#endif /* KPPROF_FACTS_H */
