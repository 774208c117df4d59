/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * GET .../debug/buildids: which build of each program and library runs here, so that the symbols
 * which the vendor has kept are found by number, not by name.
 */
#ifndef KPPROF_BUILDIDS_H
#define KPPROF_BUILDIDS_H

#include <stddef.h>

struct buf;
struct engine;
struct http_request;
struct target;

/**
 * buildids_serve() - answer with a line for each file that the target has mapped to execute: build
 * ID in hexadecimal, or "-", a blank, and the path; for the whole box also kernel and modules
 *
 * The request is kept until all files have been read. The target has been looked for.
 */
void buildids_serve(struct engine *engine, struct http_request *req, const struct target *target);

/**
 * buildid_from_notes() - append the build ID, in hexadecimal, from ELF notes as sysfs has them
 *
 * Return: 0; -ENOENT when there is none; -ENOMEM.
 */
int buildid_from_notes(const void *notes, size_t len, struct buf *out);

#endif /* KPPROF_BUILDIDS_H */
