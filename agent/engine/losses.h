/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many records a set of events has lost. The kernel tells of them in a record of its own, when
 * the next record has room; of those that were lost last it does not, until something else happens.
 * They are in the events' own counts at once.
 */
#ifndef KPPROF_LOSSES_H
#define KPPROF_LOSSES_H

#include <stdint.h>

/**
 * struct losses - of one set; all zero at first
 * @told: by records
 * @untold: by the events' counts, and not by records yet
 */
struct losses {
	uint64_t told;
	uint64_t untold;
};

/** losses_told() - a record tells of @n. Return: how many of these were not known */
uint64_t losses_told(struct losses *l, uint64_t n);

/**
 * losses_counted() - the events' counts are @lost in all (0 where the kernel does not say). Return:
 * how many of these were not known
 */
uint64_t losses_counted(struct losses *l, uint64_t lost);

#endif /* KPPROF_LOSSES_H */
