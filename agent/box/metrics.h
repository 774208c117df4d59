/* SPDX-License-Identifier: GPL-2.0-or-later */
/* GET /metrics: the agent itself, in the text format of Prometheus. */
#ifndef KPPROF_METRICS_H
#define KPPROF_METRICS_H

#include <stdbool.h>

struct armed_list;
struct buf;
struct http_request;

/** metrics_serve() - answer /metrics; false for any other path. Nothing is armed or loaded for it
 */
bool metrics_serve(const struct armed_list *armed, struct http_request *req);

/** metrics_label() - append @text as the value of a label, quotes and all: what is not printable
 * ASCII becomes '?' */
void metrics_label(struct buf *out, const char *text);

#endif /* KPPROF_METRICS_H */
