/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bodies that are made while they are sent, see http_reply_stream(). Private to request.c. */
#ifndef KPPROF_STREAM_H
#define KPPROF_STREAM_H

#include <stdbool.h>

struct http_stream;

/** stream_is_paused() - whether it waits for http_stream_wake(), its connection suspended; NULL is
 * allowed, as below */
bool stream_is_paused(const struct http_stream *s);

/** stream_resumed() - its connection is not suspended any more */
void stream_resumed(struct http_stream *s);

/** stream_forget() - its request is not there any more */
void stream_forget(struct http_stream *s);

#endif /* KPPROF_STREAM_H */
