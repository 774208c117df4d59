/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of kpt: one socket to the module, one message at a time. */
#ifndef KPT_H
#define KPT_H

#include <libmnl/libmnl.h>

/* kpt_begin() - start a message of the module's family in the one buffer there is */
struct nlmsghdr *kpt_begin(unsigned int cmd, unsigned int flags);

/* kpt_talk() - send it, hand each reply to @cb; returns what the kernel answers, 0 or -errno */
int kpt_talk(mnl_cb_t cb, void *ctx);

/* kpt_must() - end with status 1 and a text when @err is not 0 */
void kpt_must(int err, const char *what);

/* kpt_threads() - print what THREADS tells; @pids: numbers as text, none for all */
int kpt_threads(char **pids, unsigned int npids);

/* kpt_threads_torn() - dump a process @n times and look for registers that do not belong together
 */
int kpt_threads_torn(unsigned int n, const char *pid);

#endif /* KPT_H */
