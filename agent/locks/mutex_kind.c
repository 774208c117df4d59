// SPDX-License-Identifier: GPL-2.0-or-later
#include "mutex_kind.h"

#define FOUR(prefix)                                                                            \
	{                                                                                       \
		prefix "normal", prefix "recursive", prefix "error-checking", prefix "adaptive" \
	}

const char *mutex_kind_name(enum mutex_type type, enum mutex_protocol protocol)
{
	static const char *const kinds[][4] = {
		[MUTEX_PLAIN] = FOUR(""),
		[MUTEX_ROBUST] = FOUR("robust "),
		[MUTEX_PI] = FOUR("priority-inheriting "),
		[MUTEX_ROBUST_PI] = FOUR("robust priority-inheriting "),
		[MUTEX_PROTECT] = FOUR("priority-protected "),
	};

	return kinds[protocol][type];
}
