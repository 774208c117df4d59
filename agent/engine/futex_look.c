// SPDX-License-Identifier: GPL-2.0-or-later
#include "futex_look.h"

#include <linux/futex.h>
#include <sys/uio.h>

enum futex_word futex_look(struct futex_wait *w, pid_t pid, uint64_t addr,
			   bool (*is_thread)(const void *ctx, pid_t pid, pid_t tid),
			   const void *ctx)
{
	int32_t words[5] = {0};
	struct iovec to = {words, sizeof(words)};
	struct iovec from = {(void *)(addr - 8), sizeof(words)};

	/* Else the value alone tells. */
	if ((w->val == 2 || w->val & FUTEX_WAITERS) &&
	    process_vm_readv(pid, &to, 1, &from, 1, 0) == sizeof(words)) {
		w->near_thread = words[0] > 0 && is_thread(ctx, pid, words[0]);
		w->near_owner = words[4] > 0 && is_thread(ctx, pid, words[4]);
		w->near_flag = words[4] == FUTEX_PRIVATE_FLAG;
	}
	return futex_word(w);
}
