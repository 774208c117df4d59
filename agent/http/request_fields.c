// SPDX-License-Identifier: GPL-2.0-or-later
/* What a client says: the target of its request, the parameters in that, and its headers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/cleanup.h"
#include "params.h"
#include "request.h"

int request_set_target(struct http_request *req, const char *target)
{
	static const char http[] = "http://";
	char *query;

	if (strncasecmp(target, http, sizeof(http) - 1) == 0) {
		target += sizeof(http) - 1;
		req->authority = strndup(target, strcspn(target, "/?"));
		if (!req->authority)
			return -ENOMEM;
		target += strlen(req->authority);
	}
	req->path = strdup(target);
	if (!req->path)
		return -ENOMEM;
	query = strchr(req->path, '?');
	if (query)
		*query++ = '\0';
	req->query = query ? query : "";
	return 0;
}

/* Appends one "name=value", decoded. */
static int add_param(struct http_request *req, const char *text, size_t len)
{
	_cleanup_free_ char *name = strndup(text, len);
	char *value;

	if (!name)
		return -ENOMEM;
	value = strchr(name, '=');
	if (value)
		*value++ = '\0';
	if (percent_decode(name, true) || (value && percent_decode(value, true)))
		return -EINVAL;
	buf_append(&req->params, name, strlen(name) + 1);
	buf_append(&req->params, value ? value : "", (value ? strlen(value) : 0) + 1);
	return buf_error(&req->params);
}

int request_parse_query(struct http_request *req)
{
	const char *s = req->query;

	while (*s) {
		size_t len = strcspn(s, "&");
		int err = len ? add_param(req, s, len) : 0;

		if (err)
			return err;
		s += len + (s[len] == '&');
	}
	return 0;
}

bool request_path_is_whole(const struct http_request *req)
{
	_cleanup_free_ char *copy = strdup(req->path);

	return copy && percent_decode(copy, false) == 0;
}

enum http_method http_method(const struct http_request *req)
{
	return req->method;
}

const char *http_method_name(const struct http_request *req)
{
	return req->method_name;
}

const char *http_path(const struct http_request *req)
{
	return req->path;
}

const char *http_query(const struct http_request *req)
{
	return req->query;
}

const char *http_param(const struct http_request *req, const char *name)
{
	const char *s = req->params.data, *end = s ? s + req->params.len : NULL;

	while (s < end) {
		const char *value = s + strlen(s) + 1;

		if (strcmp(s, name) == 0)
			return value;
		s = value + strlen(value) + 1;
	}
	return NULL;
}

const char *http_header_get(const struct http_request *req, const char *name)
{
	return req->conn ? MHD_lookup_connection_value(req->conn, MHD_HEADER_KIND, name) : NULL;
}

const char *http_authority(const struct http_request *req)
{
	return req->authority;
}

void http_set_user(struct http_request *req, const char *name)
{
	snprintf(req->user, sizeof(req->user), "%s", name);
}

const struct buf *http_body(const struct http_request *req)
{
	return &req->body;
}

struct http_server *http_server_of(const struct http_request *req)
{
	return req->env->server;
}

const char *http_remote(const struct http_request *req)
{
	return req->remote;
}
