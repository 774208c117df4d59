/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What kpprofctl asks over the agent's own port: one GET, one answer. */
#ifndef KPPROF_CTL_HTTP_H
#define KPPROF_CTL_HTTP_H

#include <stddef.h>
#include <sys/types.h>

/* Bytes of an answer's head. */
enum { CTL_HEAD_MAX = 8192 };

/**
 * struct ctl_http - an answer on its way
 * @fd: connection, -1 for none
 * @status: HTTP status
 * @head: the head of the answer, ended by a NUL
 * @rest: what of the body came with it, @nrest bytes
 */
struct ctl_http {
	int fd;
	int status;
	char head[CTL_HEAD_MAX + 1];
	size_t rest;
	size_t nrest;
};

/**
 * ctl_http_get() - ask
 * @addr: "127.0.0.1:6060", "[::1]:6060" or "unix:/PATH"
 * @path: path and query, escaped
 * @seconds: so long may be waited for each part of the answer
 * @why: out on error: one sentence
 *
 * PPROF_USER in the environment, "NAME:PASSWORD", is sent along. HTTP/1.0 is spoken: the body ends
 * with the connection.
 *
 * Return: 0, or -errno; ctl_http_close() is due in both cases.
 */
int ctl_http_get(struct ctl_http *h, const char *addr, const char *path, unsigned int seconds,
		 char *why, size_t size);

/** ctl_http_read() - more of the body; 0 at its end, or -errno */
ssize_t ctl_http_read(struct ctl_http *h, void *to, size_t max);

/** ctl_http_close() - the end of it */
void ctl_http_close(struct ctl_http *h);

#endif /* KPPROF_CTL_HTTP_H */
