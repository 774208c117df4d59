/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who gets an answer at all: asked for each request, when its head is there. */
#ifndef KPPROF_ACCESS_H
#define KPPROF_ACCESS_H

#include <stdbool.h>

struct http_request;

/**
 * struct access_policy - all zero asks no questions, which is for tests
 * @check_host: see host_allowed() and origin_allowed()
 * @hosts: names that are allowed besides, or NULL
 * @passwords: path of a file for auth_file_check(), or NULL: no password is asked for
 */
struct access_policy {
	bool check_host;
	const char *hosts;
	const char *passwords;
};

/** access_check() - true; or false when the request was answered with 401, 403 or 500 */
bool access_check(const struct access_policy *policy, struct http_request *req);

#endif /* KPPROF_ACCESS_H */
