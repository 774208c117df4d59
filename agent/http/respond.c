// SPDX-License-Identifier: GPL-2.0-or-later
/* How an answer gets to libmicrohttpd, or to whoever asked without a connection. */
#include <stdlib.h>
#include <string.h>

#include "ask.h"
#include "request.h"

struct MHD_Response *request_headers(struct MHD_Response *r, const struct http_header *headers,
				     size_t nheaders)
{
	bool good;

	if (!r)
		return NULL;
	good = MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
	for (size_t i = 0; i < nheaders; i++)
		good = MHD_add_response_header(r, headers[i].name, headers[i].value) && good;
	if (good)
		return r;
	MHD_destroy_response(r);
	return NULL;
}

static struct MHD_Response *make_response(struct buf *body)
{
	struct MHD_Response *r;

	if (body->len)
		r = MHD_create_response_from_buffer_with_free_callback(body->len, body->data, free);
	else
		r = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	if (r && body->len)
		*body = (struct buf){0};
	return r;
}

void request_answer(struct http_request *req, unsigned int status, struct MHD_Response *response)
{
	bool kept = req->state == REQUEST_KEPT;

	loop_del(req->env->loop, &req->watch);
	req->gone = NULL;
	req->state = REQUEST_ANSWERED;
	req->status = status;
	req->response = response;
	if (kept)
		request_resume(req->env, req->conn);
}

bool request_drop_answer(struct http_request *req)
{
	if (req->state != REQUEST_GONE)
		return req->state == REQUEST_ANSWERED;
	req->orphan = false;
	if (!req->conn)
		request_free(req);
	return true;
}

void http_reply(struct http_request *req, unsigned int status, const struct http_header *headers,
		size_t nheaders, struct buf *body)
{
	int err = buf_error(body);

	if (err && req->state != REQUEST_GONE) {
		buf_deinit(body);
		http_reply_error(req, http_status_of(err), "%s", strerror(-err));
		return;
	}
	if (!request_drop_answer(req) && !ask_answer(req, status, body)) {
		req->bytes = body->len;
		request_answer(req, status,
			       request_headers(make_response(body), headers, nheaders));
	}
	buf_deinit(body);
}
