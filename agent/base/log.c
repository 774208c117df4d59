// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static enum log_level max_level = LOG_LEVEL_INFO;
static bool to_syslog, not_to_stderr;

void log_set_level(enum log_level level)
{
	max_level = level;
}

static bool stderr_is_null(void)
{
	struct stat st;

	return fstat(STDERR_FILENO, &st) < 0 ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

int log_open(const char *where)
{
	if (where && strcmp(where, "stderr") == 0)
		return 0;
	if (where && strcmp(where, "syslog") != 0)
		return -1;
	/* On a terminal somebody reads it, and a journal is a syslog. */
	to_syslog = where || (!isatty(STDERR_FILENO) && !getenv("JOURNAL_STREAM"));
	not_to_stderr = to_syslog && (where || stderr_is_null());
	if (to_syslog)
		openlog("kpprofd", LOG_PID, LOG_DAEMON);
	return 0;
}

/* What reads the log may be a terminal, and what is logged may come from a stranger. */
static void make_plain(char *line, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || (unsigned char)line[i] >= 0x7f)
			line[i] = '?';
}

static void write_stderr(enum log_level level, const char *text)
{
	/* syslog(3) priorities: systemd and procd take them from a "<N>" prefix, see sd-daemon(3).
	 */
	static const char *const prefix[] = {"<3>", "<4>", "<6>", "<7>"};
	char line[LINE_MAX_BYTES + sizeof("<3>kpprofd: \n")];
	int n = snprintf(line, sizeof(line), "%skpprofd: %s\n",
			 getenv("JOURNAL_STREAM") ? prefix[level] : "", text);

	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody to tell */
}

void log_line(enum log_level level, const char *fmt, ...)
{
	static const int priority[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};
	char text[LINE_MAX_BYTES];
	va_list ap;
	int n;

	if (level > max_level)
		return;
	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	make_plain(text, strlen(text));
	if (!not_to_stderr)
		write_stderr(level, text);
	if (to_syslog)
		syslog(priority[level], "%s", text);
}
