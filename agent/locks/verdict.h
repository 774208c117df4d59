/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the two forms of the verdict share. */
#ifndef KPPROF_VERDICT_H
#define KPPROF_VERDICT_H

#include "parts.h"

/** locks_convoy_members() - @c->n threads that wait */
const uint32_t *locks_convoy_members(const struct locks *l, const struct convoy *c);

#endif /* KPPROF_VERDICT_H */
