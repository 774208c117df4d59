/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A profile as a flame graph: one SVG file with all that it needs, to be opened in a browser. */
#ifndef KPPROF_FLAME_H
#define KPPROF_FLAME_H

#include "../base/buf.h"

struct collapsed;

/**
 * flame_write() - append the picture
 * @c: the collapsed profile
 * @title: name of the outermost frame, hostile text
 * @unit: of the values
 * @out: the SVG; its error is the result
 *
 * Zoom, search and drawing are in agent/profile/flame.js, which is part of the picture.
 *
 * Return: 0 or -ENOMEM.
 */
int flame_write(const struct collapsed *c, const char *title, const char *unit, struct buf *out);

#endif /* KPPROF_FLAME_H */
