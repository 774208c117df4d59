// SPDX-License-Identifier: GPL-2.0-or-later
#include "buildids.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../engine/engine.h"
#include "../engine/find.h"
#include "../http/server.h"
#include "../image/maps.h"
#include "../image/store.h"

enum { NOTES_MAX = 64 << 10, MAPS_TEXT_MAX = 16 << 20 };

/**
 * struct buildids - one request
 * @images: struct image *, each with a reference of ours, in the order of their paths
 * @next: the one that is read now, or will be
 * @busy: that is being done
 */
struct buildids {
	struct http_request *req;
	struct engine *engine;
	struct target target;
	struct buf images;
	size_t next;
	bool busy;
};

static struct image **images(const struct buildids *b, size_t *n)
{
	*n = b->images.len / sizeof(struct image *);
	return (struct image **)(void *)b->images.data;
}

/* Not while an image is being read. */
static void buildids_free(struct buildids *b)
{
	size_t n;
	struct image **image = images(b, &n);

	for (size_t i = 0; i < n; i++)
		image_put(image[i]);
	buf_deinit(&b->images);
	engine_unuse(b->engine);
	free(b);
}

static void client_gone(void *ctx)
{
	struct buildids *b = ctx;

	b->req = NULL;
	if (!b->busy)
		buildids_free(b);
}

/* ---- what is mapped */

static int add_image(struct buildids *b, pid_t pid, const struct map_entry *e)
{
	size_t n;
	struct image **have = images(b, &n);
	struct image *image = image_get(engine_store(b->engine), pid, e);

	if (!image)
		return 0;
	for (size_t i = 0; i < n; i++) {
		if (have[i] == image) {
			image_put(image);
			return 0;
		}
	}
	buf_append(&b->images, &image, sizeof(image));
	if (!buf_error(&b->images))
		return 0;
	image_put(image);
	return -ENOMEM;
}

static int add_process(struct buildids *b, pid_t pid)
{
	_cleanup_buf_ struct buf text = {0};
	int err = proc_read(pid, "maps", MAPS_TEXT_MAX, &text);
	char *rest = text.data, *line;

	/* It may have gone meanwhile. */
	while (!err && (line = strsep(&rest, "\n"))) {
		struct map_entry e;

		if (maps_line_parse(line, &e) == 1 && add_image(b, pid, &e))
			return -ENOMEM;
	}
	return 0;
}

static int by_path(const void *a, const void *b)
{
	const struct image *x = *(struct image *const *)a, *y = *(struct image *const *)b;
	int diff = strcmp(x->path, y->path);

	return diff ? diff : x->id < y->id ? -1 : x->id > y->id;
}

static int find_images(struct buildids *b)
{
	_cleanup_buf_ struct buf pids = {0};
	int err = find_processes(&b->target, &pids);
	const pid_t *pid = (const void *)pids.data;

	for (size_t i = 0; !err && i < pids.len / sizeof(*pid); i++)
		err = add_process(b, pid[i]);
	if (!err && b->images.len)
		qsort(b->images.data, b->images.len / sizeof(struct image *),
		      sizeof(struct image *), by_path);
	return err;
}

/* ---- kernel and modules */

int buildid_from_notes(const void *notes, size_t len, struct buf *out)
{
	static const char name[] = "GNU";
	const unsigned char *at = notes;

	while (len >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr n;
		size_t desc, next;

		memcpy(&n, at, sizeof(n));
		if (n.n_namesz > len || n.n_descsz > len)
			break;
		desc = sizeof(n) + ((n.n_namesz + 3) & ~(size_t)3);
		next = desc + ((n.n_descsz + 3) & ~(size_t)3);
		if (desc + n.n_descsz > len)
			break;
		if (n.n_type == NT_GNU_BUILD_ID && n.n_namesz == sizeof(name) &&
		    memcmp(at + sizeof(n), name, sizeof(name)) == 0 && n.n_descsz) {
			for (size_t i = 0; i < n.n_descsz; i++)
				buf_printf(out, "%02x", at[desc + i]);
			return buf_error(out);
		}
		if (next >= len)
			break;
		at += next;
		len -= next;
	}
	return -ENOENT;
}

static void put_notes(struct buf *out, const char *path, const char *name)
{
	_cleanup_buf_ struct buf notes = {.max = NOTES_MAX};

	if (buf_read_at(&notes, AT_FDCWD, path) || buildid_from_notes(notes.data, notes.len, out))
		buf_puts(out, "-");
	buf_printf(out, " [%s]\n", name);
}

static void put_kernel(struct buf *out)
{
	DIR *dir = opendir("/sys/module");
	const struct dirent *e;

	put_notes(out, "/sys/kernel/notes", "kernel.kallsyms");
	while (dir && (e = readdir(dir))) {
		char path[sizeof("/sys/module//notes/.note.gnu.build-id") + sizeof(e->d_name)];

		snprintf(path, sizeof(path), "/sys/module/%s/notes/.note.gnu.build-id", e->d_name);
		if (e->d_name[0] != '.' && access(path, R_OK) == 0)
			put_notes(out, path, e->d_name);
	}
	if (dir)
		closedir(dir);
}

/* ---- the answer */

static void reply(struct buildids *b)
{
	static const struct http_header plain = {"Content-Type", "text/plain; charset=utf-8"};
	struct http_request *req = take_ptr(b->req);
	_cleanup_buf_ struct buf out = {0};
	size_t n;
	struct image **image = images(b, &n);

	for (size_t i = 0; i < n; i++) {
		buf_printf(&out, "%s ", *image[i]->build_id ? image[i]->build_id : "-");
		buf_printable(&out, image[i]->path, strlen(image[i]->path));
		buf_puts(&out, "\n");
	}
	if (b->target.kind == TARGET_BOX)
		put_kernel(&out);
	buildids_free(b);
	http_reply(req, 200, &plain, 1, &out);
}

static void read_next(struct buildids *b);

static void identified(void *ctx, struct image *image, int status)
{
	struct buildids *b = ctx;

	(void)image;
	(void)status;
	b->busy = false;
	if (b->req)
		read_next(b);
	else
		buildids_free(b);
}

/* One after the other, so that their descriptors are not all doubled at once. */
static void read_next(struct buildids *b)
{
	size_t n;
	struct image **image = images(b, &n);

	while (b->next < n) {
		struct image *this = image[b->next++];

		/* Its rows have come: it is known, or is no ELF file. */
		if (*this->build_id || this->state == IMAGE_READY)
			continue;
		if (!image_identify(this, identified, b)) {
			b->busy = true;
			return;
		}
	}
	reply(b);
}

void buildids_serve(struct engine *engine, struct http_request *req, const struct target *target)
{
	struct buildids *b = calloc(1, sizeof(*b));
	int err;

	if (!b) {
		http_reply_error(req, 503, "%s", strerror(ENOMEM));
		return;
	}
	*b = (struct buildids){.req = req, .engine = engine, .target = *target};
	engine_use(engine);
	err = find_images(b);
	if (err) {
		http_reply_error(req, err == -ESRCH ? 404 : http_status_of(err), "%s",
				 strerror(-err));
		buildids_free(b);
		return;
	}
	http_on_gone(req, client_gone, b);
	read_next(b);
}
