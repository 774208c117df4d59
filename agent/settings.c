// SPDX-License-Identifier: GPL-2.0-or-later
#include "settings.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../kmod/addr.h"
#include "base/log.h"
#include "base/memory.h"
#include "http/auth.h"

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

uint32_t duration_parse(const char *text)
{
	unsigned long n, unit = 1;
	char *end;

	if (!isdigit((unsigned char)*text))
		return 0;
	errno = 0;
	n = strtoul(text, &end, 10);
	if (*end) {
		unit = *end == 's' ? 1 : *end == 'm' ? 60 : *end == 'h' ? 3600 : 0;
		end++;
	}
	if (errno || *end || !unit || n > UINT32_MAX / unit)
		return 0;
	return (uint32_t)(n * unit);
}

static int wrong(const char *name, const char *value, const char *expected)
{
	log_error("%s: %s is expected, not \"%s\"", name, expected, value);
	return -EINVAL;
}

/* Nobody opens a port to the world by a value that could mean something else. */
static int read_flag(const char *name, unsigned int bit, unsigned int *flags)
{
	const char *value = from_env(name);

	if (!value || strcmp(value, "0") == 0)
		return 0;
	if (strcmp(value, "1") != 0)
		return wrong(name, value, "1 or 0");
	*flags |= bit;
	return 0;
}

static int read_duration(const char *name, uint32_t *seconds)
{
	const char *value = from_env(name);

	if (!value || strcmp(value, "0") == 0)
		return 0;
	*seconds = duration_parse(value);
	return *seconds ? 0 : wrong(name, value, "a time such as 90s, 10m or 2h");
}

static int read_mode(mode_t *mode)
{
	const char *value = from_env("PPROF_UNIX_MODE");
	char *end = NULL;
	unsigned long n = value ? strtoul(value, &end, 8) : 0;

	if (!value)
		return 0;
	if (*end || !n || n > 0777 || !isdigit((unsigned char)*value))
		return wrong("PPROF_UNIX_MODE", value, "an octal mode such as 0660");
	*mode = (mode_t)n;
	return 0;
}

static int read_group(gid_t *group)
{
	const char *value = from_env("PPROF_UNIX_GROUP");
	const struct group *g = value ? getgrnam(value) : NULL;
	char *end = NULL;
	unsigned long n;

	if (!value)
		return 0;
	n = g ? g->gr_gid : strtoul(value, &end, 10);
	if ((end && (*end || !isdigit((unsigned char)*value))) || n >= (gid_t)-1)
		return wrong("PPROF_UNIX_GROUP", value, "a group's name or number");
	*group = (gid_t)n;
	return 0;
}

/* A file that cannot be used is told of now, and not when somebody wants to get in. */
static int read_passwords(const char **path)
{
	const char *why = NULL;
	bool ok;

	*path = from_env("PPROF_PASSWORDS");
	if (!*path || !auth_file_check(*path, NULL, &ok, &why))
		return 0;
	log_error("PPROF_PASSWORDS: %s: %s", *path, why);
	return -EINVAL;
}

/* A number of a range; @out stays when the variable is not set. */
static int read_number(const char *name, long min, long max, long *out)
{
	const char *value = from_env(name);
	char expected[64], *end = NULL;
	long n = value ? strtol(value, &end, 10) : 0;

	if (!value)
		return 0;
	snprintf(expected, sizeof(expected), "a number from %ld to %ld", min, max);
	if (*end || !isdigit((unsigned char)*value) || n < min || n > max)
		return wrong(name, value, expected);
	*out = n;
	return 0;
}

static int read_limits(struct settings *s)
{
	long mb = MEMORY_MB_DEFAULT, nice = 0;
	int err = read_number("PPROF_MEMORY_MB", MEMORY_MB_MIN, MEMORY_MB_MAX, &mb);

	if (!err)
		err = read_number("PPROF_NICE", 0, 19, &nice);
	s->memory_mb = (unsigned int)mb;
	s->nice = (int)nice;
	return err;
}

int settings_read(struct settings *s)
{
	int err = read_flag("PPROF_ALLOW_PUBLIC", KPPROF_ALLOW_PUBLIC, &s->allow);

	if (!err)
		err = read_flag("PPROF_ALLOW_CGNAT", KPPROF_ALLOW_CGNAT, &s->allow);
	if (!err)
		err = read_duration("PPROF_LIFETIME", &s->lifetime);
	if (!err)
		err = read_mode(&s->unix_mode);
	if (!err)
		err = read_group(&s->unix_group);
	if (!err)
		err = read_passwords(&s->passwords);
	if (!err)
		err = read_limits(s);
	s->hosts = from_env("PPROF_HOSTS");
	return err;
}

struct listen_config settings_listen(const struct settings *s, const char *addr)
{
	return (struct listen_config){
		.addr = addr,
		.allow = s->allow,
		.unix_mode = s->unix_mode,
		.unix_group = s->unix_group,
	};
}

struct access_policy settings_access(const struct settings *s)
{
	return (struct access_policy){
		.check_host = true,
		.hosts = s->hosts,
		.passwords = s->passwords,
	};
}
