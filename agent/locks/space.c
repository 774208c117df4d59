// SPDX-License-Identifier: GPL-2.0-or-later
#include "space.h"

#include <errno.h>
#include <sys/uio.h>

int space_read_vm(const struct space *s, uint64_t addr, void *out, size_t n)
{
	struct iovec local = {.iov_base = out, .iov_len = n};
	/* A number until the kernel looks at it: it may be anything. */
	struct iovec remote = {.iov_base = (void *)(uintptr_t)addr, .iov_len = n};

	return process_vm_readv(s->pid, &local, 1, &remote, 1, 0) == (ssize_t)n ? 0 : -EFAULT;
}

bool space_word(const struct space *s, uint64_t addr, uint32_t *out)
{
	return addr % sizeof(*out) == 0 && s->read(s, addr, out, sizeof(*out)) == 0;
}
