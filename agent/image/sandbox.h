/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where strangers' files are read: without capabilities, without system calls that open, connect
 * or start anything, with a bound on memory. What the worker gets is descriptors, what it gives is
 * memory files.
 */
#ifndef KPPROF_SANDBOX_H
#define KPPROF_SANDBOX_H

/* Memory of its own that the worker may have at most: room for the debug information of a large
 * program, and an end for what a hostile one asks for. */
#define SANDBOX_DATA_MAX (512ul << 20)
/* With the files that it has mapped. */
#define SANDBOX_SPACE_MAX (4ul << 30)

/**
 * sandbox_enter() - for good
 *
 * A system call that is not needed fails with EPERM. Under AddressSanitizer, which needs more of
 * both, neither calls nor memory are limited.
 *
 * Return: 0 or -errno; the worker must not go on then.
 */
int sandbox_enter(void);

#endif /* KPPROF_SANDBOX_H */
