// SPDX-License-Identifier: GPL-2.0-or-later
/* Everything that can be armed; kpprofctl and PPROF_ARM name kinds by it. */
#include <stddef.h>

#include "armed.h"
#include "armed_cpu.h"
#include "block.h"
#include "growth.h"
#include "heap.h"
#include "mutex.h"
#include "threadcreate.h"

const struct armed_kind *const armed_kinds[] = {
	&armed_cpu,
	&block_profile.armed,
	&mutex_profile.armed,
	&threadcreate_profile.armed,
	&heap_profile.armed,
	&growth_profile.armed,
	NULL,
};
