// SPDX-License-Identifier: GPL-2.0-or-later
#include "symname.h"

#include <string.h>

bool symname_is_mangled(const char *name, size_t len)
{
	return len > 2 && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R');
}

size_t symname_underscores(const char *name, size_t len)
{
	size_t n = 0;

	if (symname_is_mangled(name, len))
		return 0;
	while (n < len && name[n] == '_')
		n++;
	return n;
}

int symname_compare(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t ua = symname_underscores(a, alen), ub = symname_underscores(b, blen);

	if (ua != ub)
		return ua < ub ? -1 : 1;
	if (alen != blen)
		return alen < blen ? -1 : 1;
	return memcmp(a, b, alen);
}
