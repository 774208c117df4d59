// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_http.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "../agent/base/buf.h"
#include "../agent/base/cleanup.h"

static int connect_unix(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (strlen(path) >= sizeof(sun.sun_path))
		return -ENAMETOOLONG;
	strcpy(sun.sun_path, path);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sun, sizeof(sun)) < 0)
		return -errno;
	return take_fd(fd);
}

/* Numbers alone: nobody is asked for a name. */
static int connect_inet(const char *addr)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC,
					      .ai_socktype = SOCK_STREAM,
					      .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	_cleanup_free_ char *host = strdup(addr);
	_cleanup_close_ int fd = -1;
	struct addrinfo *ai;
	char *port, *name = host;
	int err = 0;

	port = host ? strrchr(host, ':') : NULL;
	if (!port)
		return -EINVAL;
	*port++ = '\0';
	if (*name == '[') {
		name++;
		name[strcspn(name, "]")] = '\0';
	}
	if (getaddrinfo(name, port, &hints, &ai))
		return -EINVAL;
	fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
		err = -errno;
	freeaddrinfo(ai);
	return err ? err : take_fd(fd);
}

static void put_base64(struct buf *out, const unsigned char *s, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		unsigned int v = (unsigned int)s[i] << 16 |
				 (i + 1 < len ? (unsigned int)s[i + 1] << 8 : 0) |
				 (i + 2 < len ? s[i + 2] : 0);
		char four[4] = {digits[v >> 18 & 63], digits[v >> 12 & 63],
				i + 1 < len ? digits[v >> 6 & 63] : '=',
				i + 2 < len ? digits[v & 63] : '='};

		buf_append(out, four, sizeof(four));
	}
}

static int send_request(int fd, const char *host, const char *path)
{
	const char *user = getenv("PPROF_USER");
	_cleanup_buf_ struct buf text = {0};
	size_t sent = 0;

	buf_printf(&text, "GET %s HTTP/1.0\r\nHost: %s\r\n", path, host);
	if (user && *user) {
		buf_puts(&text, "Authorization: Basic ");
		put_base64(&text, (const unsigned char *)user, strlen(user));
		buf_puts(&text, "\r\n");
	}
	buf_puts(&text, "\r\n");
	while (!buf_error(&text) && sent < text.len) {
		ssize_t n = send(fd, text.data + sent, text.len - sent, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		sent += (size_t)n;
	}
	return buf_error(&text);
}

static ssize_t receive(int fd, void *to, size_t max)
{
	ssize_t n;

	do {
		n = recv(fd, to, max, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n;
}

static int read_head(struct ctl_http *h)
{
	size_t len = 0;
	char *end = NULL;

	while (!end) {
		ssize_t n = receive(h->fd, h->head + len, CTL_HEAD_MAX - len);

		if (n <= 0)
			return n ? (int)n : -EPROTO;
		len += (size_t)n;
		h->head[len] = '\0';
		end = strstr(h->head, "\r\n\r\n");
		if (!end && len == CTL_HEAD_MAX)
			return -EMSGSIZE;
	}
	if (sscanf(h->head, "HTTP/1.%*1[01] %3d", &h->status) != 1)
		return -EPROTO;
	*end = '\0';
	h->rest = (size_t)(end - h->head) + 4;
	h->nrest = len - h->rest;
	return 0;
}

int ctl_http_get(struct ctl_http *h, const char *addr, const char *path, unsigned int seconds,
		 char *why, size_t size)
{
	static const char prefix[] = "unix:";
	const struct timeval patience = {.tv_sec = seconds};
	bool is_unix = strncmp(addr, prefix, sizeof(prefix) - 1) == 0;
	int err;

	*h = (struct ctl_http){.fd = -1};
	h->fd = is_unix ? connect_unix(addr + sizeof(prefix) - 1) : connect_inet(addr);
	if (h->fd < 0) {
		err = h->fd;
		snprintf(why, size, "%s: %s", addr, strerror(-err));
		return err;
	}
	setsockopt(h->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	err = send_request(h->fd, is_unix ? "localhost" : addr, path);
	if (!err)
		err = read_head(h);
	if (err)
		snprintf(why, size, "%s: %s", addr, strerror(-err));
	return err;
}

ssize_t ctl_http_read(struct ctl_http *h, void *to, size_t max)
{
	size_t n = h->nrest < max ? h->nrest : max;

	if (!n)
		return receive(h->fd, to, max);
	memcpy(to, h->head + h->rest, n);
	h->rest += n;
	h->nrest -= n;
	return (ssize_t)n;
}

void ctl_http_close(struct ctl_http *h)
{
	cleanup_close_(&h->fd);
	h->fd = -1;
}
