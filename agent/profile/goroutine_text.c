// SPDX-License-Identifier: GPL-2.0-or-later
/* A dump as text, in the shape in which Go prints all its goroutines. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/escape.h"
#include "../base/loop.h"
#include "../image/store.h"
#include "../locks/locks.h"
#include "../threads/dump.h"
#include "demangle.h"
#include "report.h"

#define NSEC_PER_MIN (60 * NSEC_PER_SEC)

static void put_string(const struct report *r, struct buf *out, uint32_t string)
{
	size_t len;
	const char *s = profile_text(&r->profile, string, &len);

	buf_append(out, s, len);
}

/* A function, with its arguments' types where its name has them; their values are not known. */
static void put_function(const struct report *r, struct buf *out, uint32_t string)
{
	size_t len, before = out->len;
	const char *s = profile_text(&r->profile, string, &len);

	demangle(s, len, out);
	if (!buf_error(out) && !memchr(out->data + before, '(', out->len - before))
		buf_puts(out, "(...)");
}

static bool has_text(const struct report *r, uint32_t string)
{
	size_t len;

	profile_text(&r->profile, string, &len);
	return len;
}

/* The mapping of a location, NULL for a synthetic frame. */
static const struct profile_mapping *mapping_of(const struct report *r, uint32_t location)
{
	const struct profile_location_key key = profile_location_get(&r->profile, location);
	const struct profile_mapping *m = (const void *)r->profile.mappings.data;

	return key.mapping == PROFILE_NO_MAPPING ? NULL : &m[key.mapping];
}

static bool is_kernel(const struct report *r, uint32_t location)
{
	const struct profile_mapping *m = mapping_of(r, location);
	const struct place *place = m ? m->ref : NULL;

	return place && place->kind != PLACE_IMAGE && place->kind != PLACE_ANON;
}

/* "FILE:LINE", or else the image and the offset in it. */
static void put_place(const struct report *r, struct buf *out, uint32_t location,
		      const struct profile_line *line)
{
	const struct profile_location_key key = profile_location_get(&r->profile, location);
	const struct profile_mapping *m = mapping_of(r, location);

	if (line && line->line && has_text(r, line->file)) {
		put_string(r, out, line->file);
		buf_printf(out, ":%" PRId64, line->line);
	} else if (m && !is_kernel(r, location)) {
		buf_printf(out, "%s+%#" PRIx64, m->file, key.addr - m->start + m->offset);
	} else if (m) {
		buf_puts(out, m->file);
	}
}

static void put_block_frame(const struct report *r, struct buf *out, uint32_t location)
{
	const struct profile_location_key key = profile_location_get(&r->profile, location);
	uint32_t n;
	const struct profile_line *lines = profile_location_lines(&r->profile, location, &n);

	/* Frames in brackets are at no place. */
	if (!n && key.name) {
		put_string(r, out, key.name);
		buf_puts(out, "\n");
	} else if (!n) {
		buf_printf(out, "%#" PRIx64 "\n\t", key.addr);
		put_place(r, out, location, NULL);
		buf_puts(out, "\n");
	}
	for (uint32_t i = 0; i < n; i++) {
		put_function(r, out, lines[i].name);
		buf_puts(out, "\n\t");
		put_place(r, out, location, &lines[i]);
		buf_puts(out, "\n");
	}
}

/* The frames of a stack that belong to the kernel, or those that do not. */
static size_t put_half(const struct report *r, struct buf *out, uint32_t stack, bool kernel)
{
	size_t n, put = 0;
	const uint32_t *locations = report_stack(r, stack, &n);

	for (size_t i = 0; i < n; i++) {
		if (is_kernel(r, locations[i]) != kernel)
			continue;
		put_block_frame(r, out, locations[i]);
		put++;
	}
	return put;
}

static void put_kernel_by_name(struct buf *out, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n"), name = strcspn(text, "+\n");

		buf_append(out, text, name);
		buf_puts(out, "(...)\n\t[kernel] ");
		buf_append(out, text + name, len - name);
		buf_puts(out, "\n");
		text += len + (text[len] == '\n');
	}
}

/* Innermost frames of a thread in a verdict. */
enum { VERDICT_FRAMES = 6 };

static void put_verdict_frame(const struct report *r, struct buf *out, uint32_t location,
			      const struct profile_line *line)
{
	const struct profile_location_key key = profile_location_get(&r->profile, location);

	buf_puts(out, "    at ");
	if (line)
		put_string(r, out, line->name);
	else if (key.name)
		put_string(r, out, key.name);
	else
		buf_printf(out, "%#" PRIx64, key.addr);
	buf_puts(out, " ");
	put_place(r, out, location, line);
	buf_puts(out, "\n");
}

void report_frames(void *ctx, size_t i, struct buf *out)
{
	const struct report *r = ctx;
	size_t n, shown = 0;
	const uint32_t *locations = report_stack(r, report_of(r, i).user, &n);

	for (size_t k = 0; k < n && shown < VERDICT_FRAMES; k++) {
		uint32_t nlines;
		const struct profile_line *lines =
			profile_location_lines(&r->profile, locations[k], &nlines);

		if (is_kernel(r, locations[k]))
			continue;
		put_verdict_frame(r, out, locations[k], nlines ? &lines[0] : NULL);
		shown++;
	}
}

void report_verdict(const struct report *r, struct buf *out)
{
	_cleanup_buf_ struct buf text = {0};

	if (!r->locks || (!locks_deadlocks(r->locks) && !locks_convoys(r->locks)))
		return;
	locks_verdict_text(r->locks, report_frames, (void *)r, &text);
	/* Behind '#', so that what reads a dump skips it. */
	for (size_t at = 0; at < text.len;) {
		const char *line = text.data + at, *end = memchr(line, '\n', text.len - at);
		size_t len = end ? (size_t)(end - line) : text.len - at;

		buf_puts(out, len ? "# " : "#");
		buf_append(out, line, len);
		buf_puts(out, "\n");
		at += len + 1;
	}
	if (buf_error(&text))
		out->error = buf_error(&text);
}

static void put_head(const struct report *r, struct buf *out, size_t i, const struct dump_thread *t)
{
	char name[5 * sizeof(t->name)];

	buf_printf(out, "goroutine %d [%s", (int)t->tid, report_reason(r, i));
	if (t->state_ns >= NSEC_PER_MIN)
		buf_printf(out, ", %llu minutes", (unsigned long long)(t->state_ns / NSEC_PER_MIN));
	buf_printf(out, "]:\n# thread \"%s\", process %d, %s",
		   escape_line(t->name, name, sizeof(name)), (int)t->pid, thread_state(t->state));
	if (t->state_ns && t->state != 'R')
		buf_printf(out, " for %.3f s", (double)t->state_ns / NSEC_PER_SEC);
	buf_puts(out, "\n");
	if (r->locks && *locks_wait(r->locks, i)->detail)
		buf_printf(out, "# %s: %s\n", locks_wait(r->locks, i)->reason,
			   locks_wait(r->locks, i)->detail);
	if (t->note)
		buf_printf(out, "# %s\n", t->note);
	if (t->stack.guesses)
		buf_printf(out, "# [guessed]: %u frames were found by search\n", t->stack.guesses);
}

/*
 * Functions through which threads are made, whoever wants them: of glibc and musl, of C11 and C++.
 * By the beginnings of their names, without leading underscores.
 */
static const char *const makers[] = {"clone", "create_thread", "pthread_create", "thrd_create",
				     "std::"};

static bool is_maker(const struct report *r, const struct profile_line *line)
{
	_cleanup_buf_ struct buf text = {0};
	size_t len;
	const char *s = profile_text(&r->profile, line->name, &len);
	char *name;

	demangle(s, len, &text);
	buf_append(&text, "", 1);
	if (buf_error(&text))
		return false;
	/* A template's name has its type before it. */
	text.data[strcspn(text.data, "(<")] = '\0';
	name = strrchr(text.data, ' ');
	name = name ? name + 1 : text.data;
	name += strspn(name, "_");
	/* glibc's names for itself: __GI___clone_internal */
	if (strncmp(name, "GI_", 3) == 0)
		name += 3 + strspn(name + 3, "_");
	for (size_t i = 0; i < ARRAY_SIZE(makers); i++)
		if (strncmp(name, makers[i], strlen(makers[i])) == 0)
			return true;
	return false;
}

/*
 * The innermost function of a creator's stack that is the program's own: what Go prints. Without
 * names the leaf's image, which makes the threads, is skipped.
 */
static void put_creator(const struct report *r, struct buf *out, uint32_t stack)
{
	size_t n;
	const uint32_t *locations = report_stack(r, stack, &n);

	for (size_t i = 0; i < n; i++) {
		uint32_t nlines;
		const struct profile_line *lines =
			profile_location_lines(&r->profile, locations[i], &nlines);
		uint32_t line = 0;

		if (is_kernel(r, locations[i]) || !mapping_of(r, locations[i]))
			continue;
		if (!nlines && mapping_of(r, locations[i]) == mapping_of(r, locations[0]))
			continue;
		while (line < nlines && is_maker(r, &lines[line]))
			line++;
		if (nlines && line == nlines)
			continue;
		buf_puts(out, "created by ");
		if (nlines)
			put_function(r, out, lines[line].name);
		else
			buf_printf(out, "%#" PRIx64,
				   profile_location_get(&r->profile, locations[i]).addr);
		buf_puts(out, "\n\t");
		put_place(r, out, locations[i], nlines ? &lines[line] : NULL);
		buf_puts(out, "\n");
		return;
	}
}

size_t report_blocks(const struct report *r, size_t from, size_t bytes, struct buf *out)
{
	size_t n, before = out->len, i;
	const struct dump_thread *t = dump_threads(r->dump, &n);

	for (i = from; i < n && out->len - before < bytes && !buf_error(out); i++) {
		struct report_stack of = report_of(r, i);

		if (i)
			buf_puts(out, "\n");
		put_head(r, out, i, &t[i]);
		put_half(r, out, of.user, false);
		put_half(r, out, of.user, true);
		put_kernel_by_name(out, t[i].kernel);
		put_creator(r, out, of.creator);
	}
	if (i == n && dump_left_out(r->dump))
		buf_printf(out, "\n# %zu more threads were left out for want of room\n",
			   dump_left_out(r->dump));
	return i < n ? i : 0;
}
