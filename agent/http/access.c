// SPDX-License-Identifier: GPL-2.0-or-later
#include "access.h"

#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "auth.h"
#include "host.h"
#include "server.h"

static bool check_host(const struct access_policy *policy, struct http_request *req)
{
	const char *host = http_header_get(req, "Host"), *authority = http_authority(req);

	/* Only HTTP/1.0 does without; no browser speaks that. */
	if ((host && !host_allowed(host, policy->hosts)) ||
	    (authority && !host_allowed(authority, policy->hosts))) {
		http_reply_error(
			req, 403,
			"this is not a name of this box: ask by its address, or name it in "
			"PPROF_HOSTS");
		return false;
	}
	if (origin_allowed(host ? host : "", http_header_get(req, "Origin"),
			   http_header_get(req, "Sec-Fetch-Site"),
			   http_header_get(req, "Sec-Fetch-Mode")))
		return true;
	http_reply_error(req, 403, "a page from elsewhere asks for this");
	return false;
}

static void ask_for_password(struct http_request *req)
{
	static const struct http_header headers[] = {
		{"Content-Type", "text/plain; charset=utf-8"},
		{"X-Go-Pprof", "1"},
		{"WWW-Authenticate", "Basic realm=\"kpprof\", charset=\"UTF-8\""},
	};
	_cleanup_buf_ struct buf body = {0};

	buf_puts(&body, "a name and a password are needed\n");
	http_reply(req, 401, headers, ARRAY_SIZE(headers), &body);
}

static bool check_password(const struct access_policy *policy, struct http_request *req)
{
	const char *why = NULL;
	bool parsed, ok = false;
	struct auth auth;
	int err;

	parsed = !auth_parse(http_header_get(req, "Authorization"), &auth);
	err = auth_file_check(policy->passwords, parsed ? &auth : NULL, &ok, &why);
	if (ok)
		http_set_user(req, auth.name);
	explicit_bzero(&auth, sizeof(auth));
	if (ok)
		return true;
	if (err) {
		log_error("password file %s: %s; nobody is let in", policy->passwords, why);
		http_reply_error(req, 500, "the password file cannot be used; the log says why");
		return false;
	}
	if (parsed)
		log_warning("%s: wrong name or password", http_remote(req));
	ask_for_password(req);
	return false;
}

bool access_check(const struct access_policy *policy, struct http_request *req)
{
	if (policy->check_host && !check_host(policy, req))
		return false;
	return !policy->passwords || check_password(policy, req);
}
