// SPDX-License-Identifier: GPL-2.0-only
#include <asm/cpufeature.h>

#include "stamp.h"

bool kpprof_stamp_tsc;
u64 kpprof_stamp_to_ns = 1ull << 32, kpprof_stamp_per_ns = 1ull << 32;

void kpprof_stamp_init(void)
{
	kpprof_stamp_tsc =
		boot_cpu_has(X86_FEATURE_CONSTANT_TSC) && !check_tsc_unstable() && tsc_khz;
	kpprof_stamp_to_ns = kpprof_stamp_per_ns = 1ull << 32;
	if (!kpprof_stamp_tsc)
		return;
	kpprof_stamp_to_ns = div64_u64(1000000ull << 32, tsc_khz);
	kpprof_stamp_per_ns = div64_u64((u64)tsc_khz << 32, 1000000);
}
