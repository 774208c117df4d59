// SPDX-License-Identifier: GPL-2.0-or-later
#include "demangle.h"

#include <libiberty/demangle.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"

/* Where a demangled name goes, as far as there is room. */
struct pretty {
	char text[DEMANGLED_MAX];
	size_t len;
	int cut;
};

static void take(const char *part, size_t len, void *ctx)
{
	struct pretty *p = ctx;

	if (len > sizeof(p->text) - p->len) {
		p->cut = 1;
		return;
	}
	memcpy(p->text + p->len, part, len);
	p->len += len;
}

void demangle(const char *name, size_t len, struct buf *out)
{
	struct pretty pretty;
	char text[DEMANGLE_MAX + 1];

	pretty.len = 0;
	pretty.cut = 0;
	if (len > 2 && len <= DEMANGLE_MAX && name[0] == '_' &&
	    (name[1] == 'Z' || name[1] == 'R')) {
		memcpy(text, name, len);
		text[len] = '\0';
		/* The parts come one by one: a name that expands without end costs no memory. */
		if (name[1] == 'R')
			rust_demangle_callback(text, 0, take, &pretty);
		else
			cplus_demangle_v3_callback(text, DMGL_PARAMS | DMGL_ANSI, take, &pretty);
	}
	if (pretty.len && !pretty.cut)
		buf_append(out, pretty.text, pretty.len);
	else
		buf_append(out, name, len);
}
