/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the environment says of who may do what, and how much of it. Read once, at the start. */
#ifndef KPPROF_SETTINGS_H
#define KPPROF_SETTINGS_H

#include <stdint.h>

#include "http/access.h"
#include "http/listen.h"

/**
 * struct settings - all zero but for @unix_group is the default
 * @allow: KPPROF_ALLOW_*
 * @unix_mode: permissions of a Unix socket, 0 for the default
 * @unix_group: its group, 0 for that of the process
 * @hosts: names of this box, besides those that it knows, or NULL
 * @passwords: path of the file with names and passwords, or NULL
 * @memory_mb: cap of the agent's memory, 0 for the default
 * @nice: of the agent and its worker, see nice(1)
 * @lifetime: seconds that a port stays open when kpprofctl does not say, 0 for good
 */
struct settings {
	unsigned int allow;
	mode_t unix_mode;
	gid_t unix_group;
	uint32_t lifetime;
	const char *hosts;
	const char *passwords;
	unsigned int memory_mb;
	int nice;
};

/* For --help. */
#define SETTINGS_HELP                                                                              \
	"Environment:\n"                                                                           \
	"  PPROF_ALLOW_PUBLIC=1  public addresses may be named, too; warns at every start\n"       \
	"  PPROF_ALLOW_CGNAT=1   100.64.0.0/10 counts as private\n"                                \
	"  PPROF_LIFETIME=TIME   kpprofctl on without --for: the port closes after 90s, 10m, 2h\n" \
	"  PPROF_HOSTS=NAMES     what the box is called besides its host name, such as "           \
	"\"box.lan,nas\"\n"                                                                        \
	"  PPROF_PASSWORDS=FILE  lines of name:password, readable by root alone; asked for by "    \
	"Basic\n"                                                                                  \
	"                        authentication\n"                                                 \
	"  PPROF_LOG=WHERE       stderr or syslog; without it both, or stderr alone on a "         \
	"terminal\n"                                                                               \
	"  PPROF_MEMORY_MB=N     profiles are refused while the agent has more of its own (64)\n"  \
	"  PPROF_NICE=N          0 to 19, how far others come first (0)\n"                         \
	"  PPROF_UNIX_MODE=MODE  permissions of a Unix socket (0600; 0660 with a group)\n"         \
	"  PPROF_UNIX_GROUP=NAME its group, by name or number\n"

/** settings_read() - from the environment; 0, or -EINVAL after a line in the log that says why */
int settings_read(struct settings *s);

/** settings_listen() - how to listen on an address */
struct listen_config settings_listen(const struct settings *s, const char *addr);

/** settings_access() - who gets an answer */
struct access_policy settings_access(const struct settings *s);

/** duration_parse() - "90", "90s", "10m", "2h" in seconds; 0 when it is none of these */
uint32_t duration_parse(const char *text);

#endif /* KPPROF_SETTINGS_H */
