// SPDX-License-Identifier: GPL-2.0-or-later
#include "memory.h"

#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

#include "buf.h"

enum { LIMIT_FACTOR = 4 };

static size_t cap = (size_t)MEMORY_MB_DEFAULT << 20;

size_t memory_own(void)
{
	_cleanup_buf_ struct buf text = {0};
	unsigned long resident, shared;

	/* proc(5): pages; the second number is VmRSS, the third what of it is files and shared. */
	if (buf_read_at(&text, AT_FDCWD, "/proc/self/statm"))
		return 0;
	buf_append(&text, "", 1);
	if (buf_error(&text) || sscanf(text.data, "%*u %lu %lu", &resident, &shared) != 2 ||
	    shared > resident)
		return 0;
	return (resident - shared) * (size_t)sysconf(_SC_PAGESIZE);
}

void memory_limit(unsigned int mb)
{
	cap = (size_t)mb << 20;
#ifndef __SANITIZE_ADDRESS__
	struct rlimit rl;

	/* The hard limit stays: the image worker has one of its own. */
	if (getrlimit(RLIMIT_DATA, &rl) == 0 && rl.rlim_max >= LIMIT_FACTOR * cap) {
		rl.rlim_cur = LIMIT_FACTOR * cap;
		setrlimit(RLIMIT_DATA, &rl);
	}
#endif
}

size_t memory_cap(void)
{
	return cap;
}

bool memory_over(void)
{
	if (memory_own() <= cap)
		return false;
	malloc_trim(0);
	return memory_own() > cap;
}
