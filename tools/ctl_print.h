/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kpprofctl prints of the answers to STATUS and TARGETS, as text or as JSON. */
#ifndef KPPROF_CTL_PRINT_H
#define KPPROF_CTL_PRINT_H

#include <stdbool.h>

#include "../agent/control/message.h"

/**
 * struct printer - how answers are printed
 * @json: as JSON
 * @indent: before each line of text
 * @n: out: answers that were printed
 */
struct printer {
	bool json;
	const char *indent;
	unsigned int n;
};

/* Names of enum kpprof_kind. */
extern const char *const kind_names[__KPPROF_KINDS];

/** print_status() - one answer to STATUS; an object of JSON is left open at its end */
void print_status(const struct nlmsghdr *nlh, void *printer);

/** print_target() - one answer to TARGETS */
void print_target(const struct nlmsghdr *nlh, void *printer);

#endif /* KPPROF_CTL_PRINT_H */
