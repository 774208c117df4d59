/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line per event, on standard error (with a priority when a supervisor reads it), in the
 * syslog, or both. */
#ifndef KPPROF_LOG_H
#define KPPROF_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/** log_set_level() - lines above this level are dropped; LOG_LEVEL_INFO from the start */
void log_set_level(enum log_level level);

/**
 * log_open() - where lines go; standard error until then
 * @where: "stderr", "syslog", or NULL: both, but for a terminal, a journal, and /dev/null
 *
 * Return: 0, or -1 for another word.
 */
int log_open(const char *where);

/** log_line() - write one line; what is not printable ASCII in the result is replaced by '?' */
__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *fmt, ...);

#define log_error(...)	 log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif /* KPPROF_LOG_H */
