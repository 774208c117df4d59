// SPDX-License-Identifier: GPL-2.0-or-later
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "request.h"

/* What libmicrohttpd asks of a body that is made while it is sent. */
enum { STREAM_BLOCK = 16 << 10 };

/*
 * A body on its way out.
 *
 * @req: NULL when libmicrohttpd is done with it
 * @text: what was made, of which @sent bytes are sent
 * @last: nothing follows @text
 * @paused: there is nothing to send, and the connection is suspended
 */
struct http_stream {
	int (*more)(void *ctx, struct buf *out);
	void (*end)(void *ctx);
	void *ctx;
	struct http_request *req;
	struct buf text;
	size_t sent;
	bool last;
	bool paused;
};

bool stream_is_paused(const struct http_stream *s)
{
	return s && s->paused;
}

void stream_resumed(struct http_stream *s)
{
	if (s)
		s->paused = false;
}

void stream_forget(struct http_stream *s)
{
	if (s)
		s->req = NULL;
}

static ssize_t stream_pause(struct http_stream *s)
{
	if (s->req->state == REQUEST_GONE || request_watch(s->req))
		return MHD_CONTENT_READER_END_WITH_ERROR;
	s->paused = true;
	MHD_suspend_connection(s->req->conn);
	return 0;
}

void http_stream_wake(struct http_stream *s)
{
	if (!stream_is_paused(s) || !s->req)
		return;
	s->paused = false;
	loop_del(s->req->env->loop, &s->req->watch);
	request_resume(s->req->env, s->req->conn);
}

static ssize_t stream_read(void *cls, uint64_t pos, char *to, size_t max)
{
	struct http_stream *s = cls;
	size_t n;
	int more;

	(void)pos;
	while (s->sent == s->text.len) {
		if (s->last)
			return MHD_CONTENT_READER_END_OF_STREAM;
		s->text.len = s->sent = 0;
		more = s->more(s->ctx, &s->text);
		if (more == -EAGAIN && !s->text.len)
			return stream_pause(s);
		if ((more < 0 && more != -EAGAIN) || buf_error(&s->text))
			return MHD_CONTENT_READER_END_WITH_ERROR;
		s->last = !more;
	}
	n = s->text.len - s->sent;
	n = n < max ? n : max;
	memcpy(to, s->text.data + s->sent, n);
	s->sent += n;
	s->req->bytes += n;
	return (ssize_t)n;
}

static void stream_end(void *cls)
{
	struct http_stream *s = cls;

	if (s->req)
		s->req->stream = NULL;
	s->end(s->ctx);
	buf_deinit(&s->text);
	free(s);
}

struct http_stream *http_reply_stream(struct http_request *req, unsigned int status,
				      const struct http_header *headers, size_t nheaders,
				      int (*more)(void *ctx, struct buf *out),
				      void (*end)(void *ctx), void *ctx)
{
	struct MHD_Response *r;
	struct http_stream *s;

	if (request_drop_answer(req)) {
		end(ctx);
		return NULL;
	}
	if (ask_stream(req, status, more, end, ctx))
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s) {
		end(ctx);
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return NULL;
	}
	*s = (struct http_stream){.more = more, .end = end, .ctx = ctx, .req = req};
	r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK, stream_read, s,
					      stream_end);
	if (r) {
		req->stream = s;
		r = request_headers(r, headers, nheaders);
	} else {
		stream_end(s);
	}
	request_answer(req, status, r);
	return r ? s : NULL;
}
