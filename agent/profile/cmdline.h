/* SPDX-License-Identifier: GPL-2.0-or-later */
/* .../debug/pprof/cmdline: how the program was started. */
#ifndef KPPROF_CMDLINE_H
#define KPPROF_CMDLINE_H

struct http_request;
struct target;

/** cmdline_serve() - answer with the arguments, joined by NUL; the whole box is the agent itself */
void cmdline_serve(struct http_request *req, const struct target *target);

#endif /* KPPROF_CMDLINE_H */
