/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A scratch directory in which a test compiles its own samples. Include after cmocka.h. */
#ifndef KPPROF_TEST_WORKSHOP_H
#define KPPROF_TEST_WORKSHOP_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../agent/base/buf.h"

/* Where the samples are, while a test runs. */
static char shop_dir[256];

/* Runs a command; its standard output is appended to @out. Returns its status. */
__attribute__((format(printf, 2, 3))) static inline int shop_try(struct buf *out, const char *fmt,
								 ...)
{
	char cmd[4096], chunk[4096];
	va_list ap;
	FILE *p;
	size_t n;

	va_start(ap, fmt);
	n = (size_t)snprintf(cmd, sizeof(cmd), "cd '%s' && exec 2>>log && ", shop_dir);
	n += (size_t)vsnprintf(cmd + n, sizeof(cmd) - n, fmt, ap);
	va_end(ap);
	assert_true(n < sizeof(cmd));
	p = popen(cmd, "r");
	assert_non_null(p);
	while ((n = fread(chunk, 1, sizeof(chunk), p)) > 0)
		if (out)
			buf_append(out, chunk, n);
	return pclose(p);
}

/* The same; the command must succeed. */
#define shop_run(out, ...)                                                  \
	do {                                                                \
		if (shop_try(out, __VA_ARGS__) != 0) {                      \
			shop_try(NULL, "cat log >&2");                      \
			fail_msg("a command failed, see %s/log", shop_dir); \
		}                                                           \
	} while (0)

/* Whether a program is installed. */
static inline bool shop_has(const char *program)
{
	return shop_try(NULL, "command -v %s", program) == 0;
}

static inline void shop_write(const char *name, const void *data, size_t size)
{
	char path[600];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", shop_dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, size, f), size);
	assert_int_equal(fclose(f), 0);
}

static inline void shop_source(const char *name, const char *text)
{
	shop_write(name, text, strlen(text));
}

static inline int shop_open_file(const char *name)
{
	char path[600];
	int fd;

	snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' ? "" : shop_dir,
		 name[0] == '/' ? "" : "/", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* Address of a symbol, by nm. */
static inline uint64_t shop_symbol(const char *file, const char *name)
{
	struct buf out = {0};
	uint64_t addr;

	shop_run(&out, "nm '%s' | awk '$3 == \"%s\" { print $1; exit }'", file, name);
	buf_append(&out, "", 1);
	assert_int_equal(buf_error(&out), 0);
	addr = strtoull(out.data, NULL, 16);
	assert_true(addr != 0);
	buf_deinit(&out);
	return addr;
}

static inline int shop_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(shop_dir, sizeof(shop_dir), "%s/kpprof-test.XXXXXX", tmp && *tmp ? tmp : "/tmp");
	return mkdtemp(shop_dir) ? 0 : -1;
}

static inline int shop_teardown(void **state)
{
	char cmd[300];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", shop_dir);
	return system(cmd) == 0 ? 0 : -1;
}

#endif /* KPPROF_TEST_WORKSHOP_H */
