// SPDX-License-Identifier: GPL-2.0-or-later
#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 1024 };

static enum log_level max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	max_level = level;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	/* syslog(3) priorities: systemd and procd take them from a "<N>" prefix, see sd-daemon(3).
	 */
	static const char *const prefix[] = {"<3>", "<4>", "<6>", "<7>"};
	char line[LINE_MAX_BYTES];
	size_t at = 0;
	va_list ap;
	int n;

	if (level > max_level)
		return;
	if (getenv("JOURNAL_STREAM")) {
		memcpy(line, prefix[level], 3);
		at = 3;
	}
	at += (size_t)snprintf(line + at, sizeof(line) - at, "kpprofd: ");
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	n += (int)at;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		return; /* nobody to tell */
}
