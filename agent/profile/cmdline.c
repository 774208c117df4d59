// SPDX-License-Identifier: GPL-2.0-or-later
#include "cmdline.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/find.h"
#include "../engine/target.h"
#include "../http/server.h"

/* More arguments than any exec allows (ARG_MAX is a quarter of the stack limit) are cut with an
 * error. */
enum { CMDLINE_MAX = 8 << 20 };

static int first_process(const struct target *target, pid_t *pid)
{
	_cleanup_buf_ struct buf pids = {0};
	const pid_t *p;
	int err;

	*pid = getpid();
	if (target->kind == TARGET_BOX)
		return 0;
	err = find_processes(target, &pids);
	if (err)
		return err;
	p = (const void *)pids.data;
	*pid = p[0];
	for (size_t i = 1; i < pids.len / sizeof(*p); i++)
		*pid = p[i] < *pid ? p[i] : *pid;
	return 0;
}

void cmdline_serve(struct http_request *req, const struct target *target)
{
	static const struct http_header text = {"Content-Type", "text/plain; charset=utf-8"};
	_cleanup_buf_ struct buf b = {0};
	char name[128];
	pid_t pid;
	int err = first_process(target, &pid);

	if (!err)
		err = proc_read(pid, "cmdline", CMDLINE_MAX, &b);
	if (err) {
		http_reply_error(req, err == -ESRCH ? 404 : http_status_of(err), "%s: %s",
				 target_describe(target, name, sizeof(name)),
				 err == -ESRCH ? "no such process" : strerror(-err));
		return;
	}
	/* proc_read() adds a NUL to the one that ends the last argument; pprof wants neither. */
	for (int i = 0; i < 2 && b.len && !b.data[b.len - 1]; i++)
		b.len--;
	http_reply(req, 200, &text, 1, &b);
}
