/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU sampling without a profile, for whoever reads the trace events, such as
 * perf record -a -e 'kpprof:*'. It ends with its target. */
#ifndef KPPROF_ARMED_CPU_H
#define KPPROF_ARMED_CPU_H

#include "armed.h"

struct cpu_capture;

extern const struct armed_kind armed_cpu;

/** armed_capture() - its capture; NULL for another kind */
const struct cpu_capture *armed_capture(const struct armed *a);

#endif /* KPPROF_ARMED_CPU_H */
