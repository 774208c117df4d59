// SPDX-License-Identifier: GPL-2.0-or-later
/* Everything that can be armed; kpprofctl and PPROF_ARM name kinds by it. */
#include <stddef.h>

#include "armed.h"
#include "armed_cpu.h"

const struct armed_kind *const armed_kinds[] = {
	&armed_cpu,
	NULL,
};
