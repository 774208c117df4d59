/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kpprofctl bundle: fetches everything about a process or the box, for a support ticket. */
#ifndef KPPROF_CTL_BUNDLE_H
#define KPPROF_CTL_BUNDLE_H

#include <stdint.h>

/**
 * struct bundle_request - what is asked for
 * @addr: the agent's addresses, as STATUS has them: the first one is used
 * @prefix: path of the target, escaped; "" for the agent's own
 * @seconds: how long
 * @output: file, "-" for the standard output; NULL: as the agent calls it
 */
struct bundle_request {
	const char *addr;
	const char *prefix;
	uint32_t seconds;
	const char *output;
};

/**
 * ctl_bundle() - fetch it; what comes, and what is missing, is told on the standard error
 *
 * A file that is not whole is kept under the name with ".part" behind it.
 *
 * Return: 0; -EPERM when a password is needed; -errno; why was printed.
 */
int ctl_bundle(const struct bundle_request *r);

#endif /* KPPROF_CTL_BUNDLE_H */
