/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mutexes are called, whichever library they are of. */
#ifndef KPPROF_MUTEX_KIND_H
#define KPPROF_MUTEX_KIND_H

/* Types as pthread.h numbers them; musl has no adaptive one. */
enum mutex_type { MUTEX_NORMAL, MUTEX_RECURSIVE, MUTEX_ERRORCHECK, MUTEX_ADAPTIVE };

/* Protocols. */
enum mutex_protocol { MUTEX_PLAIN, MUTEX_ROBUST, MUTEX_PI, MUTEX_ROBUST_PI, MUTEX_PROTECT };

/** mutex_kind_name() - in words; static text */
const char *mutex_kind_name(enum mutex_type type, enum mutex_protocol protocol);

#endif /* KPPROF_MUTEX_KIND_H */
