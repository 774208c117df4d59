/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files over which the worker has died or hung: they are not tried again for a while. */
#ifndef KPPROF_BLAME_H
#define KPPROF_BLAME_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* How many are remembered, and for how long. */
enum { BLAME_MAX = 32 };
#define BLAME_NS (300ull * 1000000000)

/**
 * struct blame - all zero blames nobody
 * @total: how often there was somebody to blame
 */
struct blame {
	struct {
		dev_t dev;
		ino_t ino;
		uint64_t until;
	} files[BLAME_MAX];
	unsigned int next;
	uint64_t total;
};

/** blame_add() - the file behind @fd; the oldest one is forgotten when there are too many */
void blame_add(struct blame *b, int fd, uint64_t now);

/** blame_find() - whether the file is to blame; what it says by now does not matter */
bool blame_find(const struct blame *b, int fd, uint64_t now);

#endif /* KPPROF_BLAME_H */
