// SPDX-License-Identifier: GPL-2.0-or-later
#include "losses.h"

uint64_t losses_told(struct losses *l, uint64_t n)
{
	uint64_t known = n < l->untold ? n : l->untold;

	l->told += n;
	l->untold -= known;
	return n - known;
}

uint64_t losses_counted(struct losses *l, uint64_t lost)
{
	uint64_t known = l->told + l->untold;

	if (lost <= known)
		return 0;
	l->untold = lost - l->told;
	return lost - known;
}
