/* SPDX-License-Identifier: GPL-2.0-only */
/* How the module reads memory of the thread that it has interrupted. */
#ifndef KPPROF_READ_H
#define KPPROF_READ_H

#include <linux/errno.h>
#include <linux/types.h>
#include <linux/uaccess.h>

/**
 * kpprof_read_user() - a word of the current thread's memory
 * @addr: user address, at any alignment
 * @val: out
 *
 * Context: any on top of the thread, with page faults disabled: what is not there is not fetched.
 * Return: 0 or -EFAULT.
 */
static inline int kpprof_read_user(__u64 addr, __u64 *val)
{
	if (addr > TASK_SIZE_MAX - sizeof(*val))
		return -EFAULT;
	return __get_user(*val, (const __u64 __user *)(unsigned long)addr) ? -EFAULT : 0;
}

#endif /* KPPROF_READ_H */
