// SPDX-License-Identifier: GPL-2.0-or-later
#include "ctl_bundle.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../agent/base/buf.h"
#include "../agent/base/cleanup.h"
#include "ctl_http.h"
#include "ctl_untar.h"

/* The agent gives up on a part after two minutes. */
enum { PATIENCE_S = 300, READ_BYTES = 16 << 10, NAME_BYTES = 256 };

struct fetch {
	struct ctl_http http;
	struct untar untar;
	struct timespec began;
	unsigned int nfiles;
	uint64_t bytes;
};

static double elapsed(const struct fetch *f)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - f->began.tv_sec) +
	       (double)(now.tv_nsec - f->began.tv_nsec) / 1e9;
}

static void on_file(void *ctx, const char *name, uint64_t size)
{
	struct fetch *f = ctx;

	f->nfiles++;
	fprintf(stderr, "%6.1f s  %s, %llu bytes\n", elapsed(f), name, (unsigned long long)size);
}

static int fail(const char *what, const char *why, int err)
{
	fprintf(stderr, "kpprofctl: %s%s%s\n", what, *what ? ": " : "", why);
	return err;
}

/* The agent's words. */
static int refused(struct fetch *f)
{
	char text[512];
	ssize_t n = ctl_http_read(&f->http, text, sizeof(text));
	size_t len = n > 0 ? (size_t)n : 0;
	_cleanup_buf_ struct buf line = {0};

	while (len && isspace((unsigned char)text[len - 1]))
		len--;
	buf_printable(&line, text, len);
	buf_append(&line, "", 1);
	fail("", buf_error(&line) ? "refused" : line.data, 0);
	return f->http.status == 401 ? -EPERM : -EPROTO;
}

/* The name that the agent gives it, without anything that could lead elsewhere. */
static void choose_name(const struct fetch *f, char *out, size_t size)
{
	static const char key[] = "filename=\"";
	const char *at = strstr(f->http.head, key);
	size_t n = 0;

	for (at = at ? at + sizeof(key) - 1 : ""; *at && *at != '"' && n + 1 < size; at++) {
		bool plain = isalnum((unsigned char)*at) || strchr("-_", *at) || (n && *at == '.');

		out[n++] = plain ? *at : '_';
	}
	out[n] = '\0';
	if (!n)
		snprintf(out, size, "kpprof-bundle.tar.gz");
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		n = n < 0 ? 0 : n;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

static int copy(struct fetch *f, int fd)
{
	char block[READ_BYTES];
	ssize_t n;
	int err = 0;

	while (!err && (n = ctl_http_read(&f->http, block, sizeof(block)))) {
		if (n < 0)
			return (int)n;
		f->bytes += (uint64_t)n;
		err = write_all(fd, block, (size_t)n);
		if (!err)
			err = untar_feed(&f->untar, block, (size_t)n);
	}
	if (!err && !f->untar.whole)
		err = -EPIPE;
	return err;
}

static void print_missing(const struct fetch *f)
{
	const char *line = f->untar.text;

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (memmem(line, len, "failed: ", 8))
			fprintf(stderr, "missing: %.*s\n", (int)len, line);
		line += len + (line[len] == '\n');
	}
}

/* Into NAME.part first, which becomes NAME when it is whole. */
static int fetch_file(struct fetch *f, const char *name)
{
	char part[NAME_BYTES + 8];
	_cleanup_close_ int fd = -1;
	int err;

	snprintf(part, sizeof(part), "%s.part", name);
	fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(part, strerror(errno), -errno);
	err = copy(f, fd);
	if (!err && rename(part, name) < 0)
		err = -errno;
	if (err)
		return fail(part, err == -EPIPE ? "the agent broke off" : strerror(-err), err);
	print_missing(f);
	fprintf(stderr, "%s: %u files, %llu bytes, %.1f s\n", name, f->nfiles,
		(unsigned long long)f->bytes, elapsed(f));
	return 0;
}

static int fetch_stdout(struct fetch *f)
{
	int err = copy(f, STDOUT_FILENO);

	if (err)
		return fail("", err == -EPIPE ? "the agent broke off" : strerror(-err), err);
	print_missing(f);
	return 0;
}

int ctl_bundle(const struct bundle_request *r)
{
	struct fetch f = {.http = {.fd = -1}};
	_cleanup_buf_ struct buf path = {0};
	char addr[NAME_BYTES], name[NAME_BYTES], why[NAME_BYTES + 64];
	int err;

	snprintf(addr, sizeof(addr), "%.*s",
		 (int)(strncmp(r->addr, "unix:", 5) ? strcspn(r->addr, " ") : strlen(r->addr)),
		 r->addr);
	if (!*addr)
		return fail("", "the agent has no port: kpprofctl on ADDR opens one", -ENOTCONN);
	buf_printf(&path, "%s/debug/bundle?seconds=%u", r->prefix, r->seconds);
	buf_append(&path, "", 1);
	if (buf_error(&path))
		return fail("", strerror(ENOMEM), -ENOMEM);
	clock_gettime(CLOCK_MONOTONIC, &f.began);
	f.untar.on_file = on_file;
	f.untar.ctx = &f;
	f.untar.wanted = "status.txt";
	if (untar_init(&f.untar))
		return fail("", strerror(ENOMEM), -ENOMEM);
	fprintf(stderr, "asking http://%s%s: it takes %u s and a little more\n", addr, path.data,
		r->seconds);
	err = ctl_http_get(&f.http, addr, path.data, r->seconds + PATIENCE_S, why, sizeof(why));
	choose_name(&f, name, sizeof(name));
	if (r->output)
		snprintf(name, sizeof(name), "%s", r->output);
	if (err)
		fail("", why, err);
	else if (f.http.status != 200)
		err = refused(&f);
	else
		err = strcmp(name, "-") ? fetch_file(&f, name) : fetch_stdout(&f);
	ctl_http_close(&f.http);
	untar_deinit(&f.untar);
	return err;
}
