/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET .../debug/bundle?seconds=30: everything at once, for a support ticket, as one tar.gz that is
 * sent while it is made.
 */
#ifndef KPPROF_BUNDLE_H
#define KPPROF_BUNDLE_H

struct armed_list;
struct http_request;
struct route;

/* Seconds that are looked at. */
enum { BUNDLE_SECONDS_DEFAULT = 30, BUNDLE_SECONDS_MAX = 3600 };

/**
 * bundle_serve() - answer with a bundle of the route's target
 *
 * All profiles are asked for at the same moment, of this server itself, so that each is what a
 * client would have got. One that fails is in the archive as its text. The target has been looked
 * for.
 */
void bundle_serve(struct armed_list *armed, struct http_request *req, const struct route *route);

#endif /* KPPROF_BUNDLE_H */
