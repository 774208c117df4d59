/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a request's path and parameters to an endpoint and the processes that it is about. */
#ifndef KPPROF_ROUTE_H
#define KPPROF_ROUTE_H

#include <stdbool.h>
#include <sys/types.h>

#include "../engine/target.h"

/*
 * Each endpoint under .../debug/pprof/: KPPROF_ENDPOINT(ENUM, "name", description for the index
 * page). The names, and the texts where there is one, are those of Go's net/http/pprof. In the
 * order of the names.
 */
#define KPPROF_ENDPOINTS(E)                                                                        \
	E(ALLOCS, "allocs", "A sampling of all past memory allocations")                           \
	E(BLOCK, "block", "Stack traces that led to blocking on synchronization primitives")       \
	E(CMDLINE, "cmdline", "The command line invocation of the current program")                \
	E(DEADLOCK, "deadlock",                                                                    \
	  "Threads that wait for each other for ever, and who holds up others")                    \
	E(GOROUTINE, "goroutine", "Stack traces of all current threads")                           \
	E(HEAP, "heap",                                                                            \
	  "A sampling of memory allocations of live objects. You can specify the gc GET "          \
	  "parameter to run GC before taking the heap sample.")                                    \
	E(MUTEX, "mutex", "Stack traces of holders of contended mutexes")                          \
	E(PROFILE, "profile",                                                                      \
	  "CPU profile. You can specify the duration in the seconds GET parameter. After you get " \
	  "the profile file, use the go tool pprof command to investigate the profile.")           \
	E(SYMBOL, "symbol", "Names of program counters")                                           \
	E(THREAD, "thread", "The same as goroutine")                                               \
	E(THREADCREATE, "threadcreate", "Stack traces that led to the creation of new OS threads") \
	E(TRACE, "trace", "A trace of execution of the current program")

enum endpoint {
	ENDPOINT_INDEX,
#define E(id, name, text) ENDPOINT_##id,
	KPPROF_ENDPOINTS(E)
#undef E
		ENDPOINT_N,
	/* Beside .../debug/pprof/, and not on its page. */
	ENDPOINT_BUNDLE = ENDPOINT_N,
	ENDPOINT_BUILDIDS,
};

enum route_result {
	ROUTE_OK,
	ROUTE_REDIRECT,	       /* 301 to @location */
	ROUTE_UNKNOWN_PROFILE, /* 404, Go's "Unknown profile" */
	ROUTE_NOT_FOUND,       /* 404, nothing of ours */
	ROUTE_BAD_TARGET,      /* 400, @why */
};

/* "/comm/" and a name of which each byte is escaped. */
enum { ROUTE_PREFIX_MAX = 6 + 3 * TARGET_COMM_MAX };

/**
 * struct route - what a request asks for
 * @endpoint: which endpoint
 * @target: of which processes
 * @prefix: the path of the target, escaped: "/pid/812", "" for the default target
 * @by_query: the target comes from a parameter, so that @prefix is not in the request's path
 * @location: where to, for ROUTE_REDIRECT, without a query
 * @why: for ROUTE_BAD_TARGET, static text
 */
struct route {
	enum endpoint endpoint;
	struct target target;
	char prefix[ROUTE_PREFIX_MAX + 1];
	bool by_query;
	char location[ROUTE_PREFIX_MAX + sizeof("/debug/pprof/")];
	const char *why;
};

/**
 * route_parse() - sort out a request
 * @path: path as sent, not decoded: an escaped '/' is part of a name, and as such refused
 * @pid: value of ?pid= or NULL
 * @comm: value of ?comm= or NULL
 * @fallback: target of a path without one
 * @out: the route
 *
 * "/debug/pprof/NAME", "/pid/PID/debug/pprof/NAME", "/comm/NAME/debug/pprof/NAME", and so for
 * "/debug/bundle" and "/debug/buildids". The path wins
 * over the parameters, and pid over comm. "/" leads to the index.
 *
 * Return: what to do; @out is set as far as the result needs it.
 */
enum route_result route_parse(const char *path, const char *pid, const char *comm,
			      const struct target *fallback, struct route *out);

/** endpoint_name() - as in the path; "" for the index and what is not under debug/pprof */
const char *endpoint_name(enum endpoint e);

/** endpoint_text() - for people */
const char *endpoint_text(enum endpoint e);

#endif /* KPPROF_ROUTE_H */
