// SPDX-License-Identifier: GPL-2.0-or-later
#include "counters.h"

uint64_t counters[COUNTERS_N];
