/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names as a programmer wrote them; go tool pprof does this for itself. */
#ifndef KPPROF_DEMANGLE_H
#define KPPROF_DEMANGLE_H

#include <stddef.h>

struct buf;

/**
 * demangle() - append a name, demangled when it is a mangled one of C++ or Rust
 * @name: bytes, hostile
 * @len: how many; a name that is longer than DEMANGLE_MAX is left as it is
 * @out: text
 */
void demangle(const char *name, size_t len, struct buf *out);

/* Names of strangers may expand without measure. */
enum { DEMANGLE_MAX = 1024, DEMANGLED_MAX = 4096 };

#endif /* KPPROF_DEMANGLE_H */
