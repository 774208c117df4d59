/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of code that a just-in-time compiler made: /tmp/perf-PID.map, "START SIZE name" in
 * hexadecimal. */
#ifndef KPPROF_PERFMAP_H
#define KPPROF_PERFMAP_H

#include <stddef.h>
#include <stdint.h>

#include "names.h"

/* A map is read up to here, and no further. */
#define PERFMAP_MAX_BYTES (256u << 20)

/**
 * perfmap_resolve() - name addresses
 * @fd: the map, read once from its current position, line by line; no table is kept
 * @addrs: addresses in the process, in any order
 * @n: how many
 * @out: gets @n addresses; a later line of the map wins over an earlier one
 *
 * Lines that make no sense are skipped.
 *
 * Return: 0, -ENOMEM, -errno.
 */
int perfmap_resolve(int fd, const uint64_t *addrs, size_t n, struct names_builder *out);

#endif /* KPPROF_PERFMAP_H */
