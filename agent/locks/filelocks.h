/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The file locks of the box, as /proc/locks lists them with those that wait for each. */
#ifndef KPPROF_FILELOCKS_H
#define KPPROF_FILELOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../base/buf.h"
#include "lock.h"

/* More lines than this are not looked at. */
enum { FILE_LOCKS_MAX = 65536 };

/**
 * struct file_lock - one line
 * @id: number of the lock; those that wait for it have the same
 * @waits: it is not held but asked for
 * @type: LOCK_FLOCK, LOCK_POSIX or LOCK_OFD
 * @write: exclusive
 * @pid: process; -1 for OFD locks, 0 for one of another pid namespace
 * @major: of the file system's device
 * @minor: same
 * @ino: file
 */
struct file_lock {
	uint64_t id;
	bool waits;
	enum lock_type type;
	bool write;
	pid_t pid;
	unsigned int major;
	unsigned int minor;
	uint64_t ino;
};

/**
 * file_locks_parse() - append the locks in the text of /proc/locks
 * @text: terminated
 * @out: struct file_lock
 *
 * Lines that make no sense, and leases, are left out.
 */
void file_locks_parse(const char *text, struct buf *out);

/** file_locks_read() - the same with the file itself; 0, -ENOMEM, -errno */
int file_locks_read(struct buf *out);

/**
 * file_locks_blocker() - who holds what a process waits for
 * @locks: struct file_lock
 * @type: of the lock that is waited for
 * @pid: process that waits; ignored for LOCK_OFD
 * @ino: inode of the file, 0 when not known
 *
 * Return: the held lock, or NULL: none, or more than one answer.
 */
const struct file_lock *file_locks_blocker(const struct buf *locks, enum lock_type type, pid_t pid,
					   uint64_t ino);

/** file_locks_inode() - inode of a descriptor of another process, 0 when it cannot be asked */
uint64_t file_locks_inode(pid_t pid, unsigned int fd);

/** file_locks_type() - type of the lock that a system call, flock(2) or fcntl(2), waits for */
enum lock_type file_locks_type(long nr, const uint64_t args[6]);

#endif /* KPPROF_FILELOCKS_H */
