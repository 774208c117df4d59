/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the kernel module can be used, and if not, exactly why. */
#ifndef KPPROF_MODULE_H
#define KPPROF_MODULE_H

#include <stddef.h>

struct genl;

/* ENGINE_AUTO: the module if it is there; ENGINE_PERF: never; ENGINE_MODULE: nothing else. */
enum engine_mode { ENGINE_AUTO, ENGINE_PERF, ENGINE_MODULE };

/** module_set_mode() - what the user wants; ENGINE_AUTO until told */
void module_set_mode(enum engine_mode mode);

/** module_mode() - what the user wants */
enum engine_mode module_mode(void);

/** module_mode_parse() - "auto", "perf" or "module"; 0 or -EINVAL */
int module_mode_parse(const char *text, enum engine_mode *out);

/**
 * module_open() - a socket to the module's family
 * @why: out: in words, why there is none
 * @size: of @why
 *
 * A module that is installed but not loaded is loaded, if the system allows it.
 *
 * Return: the socket, for genl_close(), or NULL.
 */
struct genl *module_open(char *why, size_t size);

/**
 * module_try() - load the module if it can be had, while the agent still may
 *
 * Later only the kernel loads it, on behalf of who asks for its netlink family; why it could not be
 * loaded now is the reason that is given then.
 */
void module_try(void);

#endif /* KPPROF_MODULE_H */
