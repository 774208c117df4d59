// SPDX-License-Identifier: GPL-2.0-or-later
#include "route.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "params.h"

static const struct {
	const char *name;
	const char *text;
} endpoints[ENDPOINT_N] = {[ENDPOINT_INDEX] = {"", ""},
#define E(id, word, about) [ENDPOINT_##id] = {word, about},
			   KPPROF_ENDPOINTS(E)
#undef E
};

const char *endpoint_name(enum endpoint e)
{
	return e < ENDPOINT_N ? endpoints[e].name : "";
}

const char *endpoint_text(enum endpoint e)
{
	return e < ENDPOINT_N ? endpoints[e].text : "";
}

/* What is left of a path; @broken after a segment that does not decode. */
struct cursor {
	char *rest;
	bool broken;
};

static char *decode(struct cursor *c, char *s)
{
	if (percent_decode(s, false))
		c->broken = true;
	return s;
}

/* Takes the next segment; "" also behind the last one. */
static const char *segment(struct cursor *c)
{
	static char none[1];
	char *s = c->rest;

	if (!s)
		return none;
	c->rest = strchr(s, '/');
	if (c->rest)
		*c->rest++ = '\0';
	return decode(c, s);
}

static enum route_result refuse(struct route *out, const char *why)
{
	out->why = why;
	return ROUTE_BAD_TARGET;
}

static enum route_result set_pid(struct route *out, const char *pid)
{
	if (target_pid_set(&out->target, pid))
		return refuse(out,
			      "not a process ID: a decimal number from 1 to 4194304 is expected");
	return ROUTE_OK;
}

static enum route_result set_comm(struct route *out, const char *comm)
{
	if (target_comm_set(&out->target, comm))
		return refuse(
			out, "not a process name: 1 to 64 bytes without '/' and control characters "
			     "are expected");
	return ROUTE_OK;
}

static enum route_result set_from_query(struct route *out, const char *pid, const char *comm)
{
	out->by_query = pid || comm;
	if (pid)
		return set_pid(out, pid);
	return comm ? set_comm(out, comm) : ROUTE_OK;
}

/* The canonical path of the target, as a client that escapes all it can would write it. */
static void set_prefix(struct route *out)
{
	_cleanup_buf_ struct buf b = {0};

	if (out->target.kind == TARGET_PID)
		buf_printf(&b, "/pid/%d", (int)out->target.pid);
	if (out->target.kind == TARGET_COMM) {
		buf_puts(&b, "/comm/");
		percent_encode(&b, out->target.comm);
	}
	snprintf(out->prefix, sizeof(out->prefix), "%.*s", (int)b.len, b.data ? b.data : "");
}

static enum route_result redirect(struct route *out)
{
	snprintf(out->location, sizeof(out->location), "%s/debug/pprof/", out->prefix);
	return ROUTE_REDIRECT;
}

/* Takes "/pid/PID" and "/comm/NAME" off the path, and returns the segment that follows. */
static const char *take_target(struct cursor *c, struct route *out, enum route_result *result,
			       bool *by_path)
{
	const char *first = segment(c);
	bool pid = strcmp(first, "pid") == 0;

	*result = ROUTE_OK;
	*by_path = pid || strcmp(first, "comm") == 0;
	if (!*by_path)
		return first;
	*result = pid ? set_pid(out, segment(c)) : set_comm(out, segment(c));
	if (*result == ROUTE_OK)
		set_prefix(out);
	return segment(c);
}

static enum route_result set_endpoint(struct route *out, const char *name)
{
	for (int e = ENDPOINT_INDEX; e < ENDPOINT_N; e++) {
		if (strcmp(name, endpoints[e].name) == 0) {
			out->endpoint = (enum endpoint)e;
			return ROUTE_OK;
		}
	}
	return ROUTE_UNKNOWN_PROFILE;
}

/* What stands under .../debug/pprof/. */
static enum route_result parse_profile(struct cursor *c, struct route *out)
{
	/* As Go: slashes alone are cleaned away, but one behind a name makes it another name. */
	if (!c->rest || (*c->rest && !c->rest[strspn(c->rest, "/")]))
		return redirect(out);
	return set_endpoint(out, decode(c, c->rest));
}

static enum route_result parse_debug(struct cursor *c, struct route *out)
{
	const char *word = segment(c);

	if (strcmp(word, "pprof") == 0)
		return parse_profile(c, out);
	if (c->rest)
		return ROUTE_NOT_FOUND;
	if (strcmp(word, "bundle") == 0)
		out->endpoint = ENDPOINT_BUNDLE;
	else if (strcmp(word, "buildids") == 0)
		out->endpoint = ENDPOINT_BUILDIDS;
	else
		return ROUTE_NOT_FOUND;
	return ROUTE_OK;
}

static enum route_result parse(struct cursor *c, const char *pid, const char *comm,
			       struct route *out)
{
	enum route_result target, result;
	bool by_path;
	const char *word = take_target(c, out, &target, &by_path);

	if (strcmp(word, "debug") != 0)
		return ROUTE_NOT_FOUND;
	result = parse_debug(c, out);
	if (result != ROUTE_NOT_FOUND && target != ROUTE_OK)
		return target;
	if (result != ROUTE_OK || by_path)
		return result;
	result = set_from_query(out, pid, comm);
	if (result == ROUTE_OK && out->by_query)
		set_prefix(out);
	return result;
}

enum route_result route_parse(const char *path, const char *pid, const char *comm,
			      const struct target *fallback, struct route *out)
{
	_cleanup_free_ char *copy = strdup(path);
	enum route_result result;
	struct cursor c = {0};

	*out = (struct route){.target = *fallback};
	if (!copy)
		return refuse(out, strerror(ENOMEM));
	if (strcmp(copy, "/") == 0)
		return redirect(out);
	if (*copy != '/')
		return ROUTE_NOT_FOUND;
	c.rest = copy + 1;
	result = parse(&c, pid, comm, out);
	if (c.broken)
		return refuse(out, "the path has a broken % escape");
	return result;
}
