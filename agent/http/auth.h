/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names and passwords: HTTP's Basic authentication (RFC 7617), which `go tool pprof` can send. */
#ifndef KPPROF_AUTH_H
#define KPPROF_AUTH_H

#include <stdbool.h>
#include <stddef.h>

/* Bytes of a name and of a password, with a NUL. */
enum { AUTH_NAME_MAX = 64, AUTH_PASSWORD_MAX = 256 };

/**
 * struct auth - what a client says
 */
struct auth {
	char name[AUTH_NAME_MAX];
	char password[AUTH_PASSWORD_MAX];
};

/**
 * auth_parse() - read an Authorization header
 * @header: "Basic bWU6c2VjcmV0"; NULL for none; untrusted
 * @out: name and password, padded with zeros
 *
 * Return: 0; -ENOENT for no header or another scheme; -EINVAL for one that is broken or too long.
 */
int auth_parse(const char *header, struct auth *out);

/**
 * auth_check() - whether a text of "name:password" lines has this pair
 * @text: not terminated; empty lines and those that begin with # are no pairs
 *
 * Takes the same time for each text, whatever the pair is: all lines are compared, to the end of
 * the longest that is allowed.
 */
bool auth_check(const char *text, size_t len, const struct auth *auth);

/**
 * auth_file_check() - the same with a file
 * @path: must belong to user 0 or to the agent's, and be readable by nobody else
 * @auth: NULL: whether the file can be used at all
 * @ok: out: whether the pair is in it
 * @why: out on error: one sentence
 *
 * The file is read each time, so a change counts at once. Return: 0 or -errno, -EPERM for the
 * file's mode.
 */
int auth_file_check(const char *path, const struct auth *auth, bool *ok, const char **why);

#endif /* KPPROF_AUTH_H */
