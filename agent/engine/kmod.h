/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel module as its client: one netlink socket (uapi/kpprof.h), whose end, by whatever death
 * of the agent, disarms everything.
 */
#ifndef KPPROF_KMOD_H
#define KPPROF_KMOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "events.h"
#include "record.h"

struct genl;
struct image;
struct image_store;
struct kmod;
struct maps;

/**
 * kmod_open() - connect to the module
 * @store: whose images will be uploaded
 * @why: out: why there is no module, in words
 * @size: of @why
 * @out: the connection
 *
 * Return: 0; -ENOENT when there is no module or not this one's; -EBUSY; -errno.
 */
int kmod_open(struct image_store *store, char *why, size_t size, struct kmod **out);

/** kmod_close() - disarm and disconnect; NULL is allowed */
void kmod_close(struct kmod *k);

/** kmod_events() - numbers of the trace events */
const struct record_module *kmod_events(const struct kmod *k);

/**
 * kmod_event_spec() - a trace event of the module, for record_parse_module()
 * @id: one of kmod_events()
 * @filter: which of its records, in the kernel's syntax of filters, or NULL
 */
struct event_spec kmod_event_spec(uint32_t id, const char *filter);

/**
 * kmod_arm_get() - the number of an arm that is not in use, for CPU samples or a watch
 *
 * Return: 0; -EBUSY when all are.
 */
int kmod_arm_get(struct kmod *k, unsigned int *arm);

/** kmod_arm_put() - the number is not in use any more; the arm does not exist */
void kmod_arm_put(struct kmod *k, unsigned int arm);

/** kmod_is_idle() - whether no arm is in use */
bool kmod_is_idle(const struct kmod *k);

/** kmod_genl() - its socket, for requests of others */
struct genl *kmod_genl(struct kmod *k);

/**
 * kmod_arm() - make an arm, without processes
 * @arm: of kmod_arm_get()
 * @hz: samples per second and CPU
 * @box: of all processes
 * @cycles: in: count cycles; out: whether it does
 *
 * Return: 0; -EBUSY when the module works for somebody else; -errno. kmod_error() has the text.
 */
int kmod_arm(struct kmod *k, unsigned int arm, unsigned int hz, bool box, bool *cycles);

/** kmod_arm_pid() - sample a process too; -ESRCH when it is gone */
int kmod_arm_pid(struct kmod *k, unsigned int arm, unsigned int hz, pid_t pid);

/** kmod_disarm_pid() - no longer */
void kmod_disarm_pid(struct kmod *k, unsigned int arm, pid_t pid);

/** kmod_disarm() - end an arm; its number is not in use any more */
void kmod_disarm(struct kmod *k, unsigned int arm);

/**
 * kmod_send_maps() - give the module the mappings of a process
 * @pid: process
 * @cookie: comes back with its samples
 * @m: mappings
 * @waits: out: some images have no rows yet; they were asked for
 *
 * Rows that are there and were not uploaded yet go before. What the module has no room for is left
 * to the agent: such samples come with their stack.
 *
 * Return: 0; -ESTALE when the process has other mappings by now; -ESRCH; -errno.
 */
int kmod_send_maps(struct kmod *k, pid_t pid, uint32_t cookie, const struct maps *m, bool *waits);

/** kmod_error() - text of the last refusal */
const char *kmod_error(const struct kmod *k);

#endif /* KPPROF_KMOD_H */
