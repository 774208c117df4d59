// SPDX-License-Identifier: GPL-2.0-or-later
#include "futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>

/* Newer than the headers that this may be compiled with: the same numbers on all architectures. */
enum { NR_FUTEX_WAITV = 449, NR_FUTEX_WAIT = 455, OP_LOCK_PI2 = 13 };

/* struct futex_waitv and the flags of futex2, see linux/futex.h. */
enum { FUTEX2_FLAG_PRIVATE = 128, WAITV_MAX = 128 };

struct waitv {
	uint64_t val;
	uint64_t uaddr;
	uint32_t flags;
	uint32_t reserved;
};

static bool read_futex(const uint64_t args[6], struct futex_wait *out)
{
	uint32_t op = (uint32_t)args[1];

	*out = (struct futex_wait){
		.addr = args[0],
		.val = (uint32_t)args[2],
		.shared = !(op & FUTEX_PRIVATE_FLAG),
		.timed = args[3] != 0,
	};
	switch (op & (uint32_t)FUTEX_CMD_MASK) {
	case FUTEX_WAIT_BITSET:
		out->bitset = true;
		return true;
	case FUTEX_WAIT:
		return true;
	case FUTEX_WAIT_REQUEUE_PI:
		out->requeue = true;
		return true;
	case FUTEX_LOCK_PI:
	case OP_LOCK_PI2:
		out->pi = true;
		out->val = 0;
		return true;
	default:
		return false;
	}
}

static bool read_waitv(const struct space *s, const uint64_t args[6], struct futex_wait *out)
{
	struct waitv first;

	if (args[1] == 0 || args[1] > WAITV_MAX || s->read(s, args[0], &first, sizeof(first)))
		return false;
	*out = (struct futex_wait){
		.addr = first.uaddr,
		.val = (uint32_t)first.val,
		.shared = !(first.flags & FUTEX2_FLAG_PRIVATE),
		.timed = args[3] != 0,
		.many = args[1] > 1,
	};
	return true;
}

bool futex_wait_read(const struct space *s, long nr, const uint64_t args[6], struct futex_wait *out)
{
	switch (nr) {
	case SYS_futex:
		return read_futex(args, out);
	case NR_FUTEX_WAITV:
		return read_waitv(s, args, out);
	case NR_FUTEX_WAIT:
		*out = (struct futex_wait){
			.addr = args[0],
			.val = (uint32_t)args[1],
			.shared = !((uint32_t)args[3] & FUTEX2_FLAG_PRIVATE),
			.timed = args[4] != 0,
		};
		return true;
	default:
		return false;
	}
}
