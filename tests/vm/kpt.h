/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parts of kpt: one socket to the module, one message at a time. */
#ifndef KPT_H
#define KPT_H

#include <stddef.h>
#include <stdint.h>

#include <libmnl/libmnl.h>

/* kpt_begin() - start a message of the module's family in the one buffer there is */
struct nlmsghdr *kpt_begin(unsigned int cmd, unsigned int flags);

/* kpt_talk() - send it, hand each reply to @cb; returns what the kernel answers, 0 or -errno */
int kpt_talk(mnl_cb_t cb, void *ctx);

/* kpt_talk_len() - the same, with a length that may not be the message's own */
int kpt_talk_len(size_t len, mnl_cb_t cb, void *ctx);

/* kpt_put_map() - add a mapping to a MAPS message */
void kpt_put_map(struct nlmsghdr *nlh, uint64_t start, uint64_t end, unsigned int image);

/* kpt_random() - send @n messages of random shape; returns the exit status */
int kpt_random(unsigned int n, unsigned int seed);

/* kpt_must() - end with status 1 and a text when @err is not 0 */
void kpt_must(int err, const char *what);

/* kpt_expect() - what the kernel has answered to @what, and what it must have */
void kpt_expect(const char *what, int have, int want);

/* kpt_heap_abuse() - heap arms that are wrong in a known way */
void kpt_heap_abuse(void);

/* kpt_heap_put() - attributes of a heap arm of this process, which depend on @r */
void kpt_heap_put(struct nlmsghdr *nlh, unsigned int r);

/* kpt_threads() - print what THREADS tells; @pids: numbers as text, none for all */
int kpt_threads(char **pids, unsigned int npids);

/* kpt_threads_torn() - dump a process @n times and look for registers that do not belong together
 */
int kpt_threads_torn(unsigned int n, const char *pid);

/* kpt_drain() - throw away what else the socket has, its error too */
void kpt_drain(void);

/* kpt_faults() - let each allocation of each command fail whose name contains @name; returns the
 * exit status */
int kpt_faults(const char *name);

/* kpt_faults_fork() - the same for fork(2) in a process that is watched */
int kpt_faults_fork(void);

/* kpt_faults_load() - let each allocation of loading this file fail; returns the exit status */
int kpt_faults_load(const char *ko);

/* kpt_text() - how many bytes of a process's code are not those of its files */
int kpt_text(const char *pid);

/* kpt_probe() - a heap arm for one process; @probes: "KIND:ADDRESS[+AHEAD]" each; print "armed",
 * hold it */
int kpt_probe(unsigned int rate, const char *pid, long seconds, char **probes, unsigned int n);

/* kpt_heap_arm() - a heap arm for one process, as kpt_probe() has it; returns the kernel's answer
 */
int kpt_heap_arm(unsigned int id, unsigned int rate, const char *pid, char **probes,
		 unsigned int n);

/* kpt_heap_disarm() - end an arm, or for @pid alone; it must be there */
void kpt_heap_disarm(unsigned int id, const char *pid);

/* kpt_probe_live() - one client's life in a storm: arm a heap, and end in a way that @i chooses */
int kpt_probe_live(unsigned int i, const char *pid, char **probes, unsigned int n);

/* kpt_heap() - the counts of a heap arm */
int kpt_heap(unsigned int arm);

#endif /* KPT_H */
