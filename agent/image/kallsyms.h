/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of kernel code, from /proc/kallsyms and /proc/modules. */
#ifndef KPPROF_KALLSYMS_H
#define KPPROF_KALLSYMS_H

#include <stddef.h>
#include <stdint.h>

#include "names.h"

/**
 * kallsyms_resolve() - name kernel addresses
 * @fd: /proc/kallsyms, read once from its current position, line by line; no table is kept
 * @addrs: kernel addresses, in any order
 * @n: how many
 * @out: gets @n addresses; "file" is the module in brackets, "" for the kernel proper
 *
 * The text range of the kernel proper comes as two more addresses at the end: _stext and _etext,
 * with their names and the value as hexadecimal text in "file"; without a line when not found or
 * hidden (kptr_restrict).
 *
 * Return: 0, -ENOMEM, -errno.
 */
int kallsyms_resolve(int fd, const uint64_t *addrs, size_t n, struct names_builder *out);

#endif /* KPPROF_KALLSYMS_H */
