/* SPDX-License-Identifier: GPL-2.0-only */
/* Tests of the pure parts, run at load in a debug build: KPPROF_DEBUG=1. */
#ifndef KPPROF_SELFTEST_H
#define KPPROF_SELFTEST_H

/** kpprof_selftest() - Context: task. Return: 0, or -EINVAL after naming what failed */
#ifdef KPPROF_DEBUG
int kpprof_selftest(void);
#else
static inline int kpprof_selftest(void)
{
	return 0;
}
#endif

#endif /* KPPROF_SELFTEST_H */
