// SPDX-License-Identifier: GPL-2.0-or-later
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/cleanup.h"
#include "../base/log.h"
#include "allocfuncs.h"
#include "code.h"
#include "jobs.h"
#include "open.h"
#include "rows.h"

enum { BUCKETS = 256 };

struct image_store {
	struct job_queue *jobs;
	void (*rows_ready)(void *ctx, struct image *image);
	void *ctx;
	uint64_t epoch;
	uint32_t last_id;
	struct image *buckets[BUCKETS];
	struct code_pages code;
};

/* What a request for names waits with. */
struct names_request {
	names_cb cb;
	void *ctx;
};

static struct image **bucket_of(struct image_store *s, dev_t dev, ino_t ino)
{
	return &s->buckets[(ino ^ (ino >> 8) ^ dev) % BUCKETS];
}

int image_store_create(struct loop *loop, void (*rows_ready)(void *ctx, struct image *image),
		       void *ctx, struct image_store **out)
{
	struct image_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->rows_ready = rows_ready;
	s->ctx = ctx;
	s->epoch = 1;
	if (job_queue_create(loop, &s->jobs)) {
		free(s);
		return -ENOMEM;
	}
	*out = s;
	return 0;
}

static void image_free(struct image *image)
{
	if (image->block)
		munmap(image->block, image->rows_bytes);
	cleanup_close_(&image->fd);
	free(image->path);
	free(image);
}

void image_store_trim(struct image_store *s)
{
	job_queue_idle(s->jobs);
	code_deinit(&s->code);
	for (size_t i = 0; i < BUCKETS; i++) {
		struct image **at = &s->buckets[i];

		while (*at) {
			struct image *image = *at;

			if (image->refs) {
				at = &image->next;
				continue;
			}
			*at = image->next;
			image_free(image);
		}
	}
}

void image_store_destroy(struct image_store *s)
{
	struct job_queue *jobs;

	if (!s)
		return;
	jobs = s->jobs;
	s->jobs = NULL;
	job_queue_destroy(jobs);
	code_deinit(&s->code);
	for (size_t i = 0; i < BUCKETS; i++) {
		while (s->buckets[i]) {
			struct image *image = s->buckets[i];

			s->buckets[i] = image->next;
			image_free(image);
		}
	}
	free(s);
}

void image_store_each(struct image_store *s, void (*fn)(void *ctx, struct image *image), void *ctx)
{
	for (size_t i = 0; i < BUCKETS; i++)
		for (struct image *image = s->buckets[i]; image; image = image->next)
			fn(ctx, image);
}

uint64_t image_store_epoch(const struct image_store *s)
{
	return s->epoch;
}

pid_t image_store_worker(const struct image_store *s)
{
	return job_queue_worker(s->jobs);
}

uint64_t image_store_failures(const struct image_store *s)
{
	return job_queue_failures(s->jobs);
}

static void image_open(struct image *image, pid_t pid, const struct map_entry *e)
{
	int fd = open_mapped(pid, e);

	image->fd = fd < 0 ? -1 : fd;
	if (fd >= 0)
		return;
	log_debug("%s of pid %d: %s", e->path, (int)pid, strerror(-fd));
	if (image->state == IMAGE_NEW) {
		image->error = fd;
		image->state = IMAGE_NO_ROWS;
	}
}

/* The path without what the kernel adds to that of a file that is gone. */
static char *plain_path(const char *path)
{
	static const char deleted[] = " (deleted)";
	size_t n = strlen(path), tail = sizeof(deleted) - 1;

	if (n > tail && strcmp(path + n - tail, deleted) == 0)
		n -= tail;
	return strndup(path, n);
}

static struct image *image_create(struct image_store *s, const struct map_entry *e)
{
	struct image *image = calloc(1, sizeof(*image));

	if (!image)
		return NULL;
	image->store = s;
	image->id = ++s->last_id;
	image->dev = e->dev;
	image->ino = e->ino;
	image->fd = -1;
	image->path = plain_path(e->path);
	if (!image->path) {
		free(image);
		return NULL;
	}
	return image;
}

struct image *image_get(struct image_store *s, pid_t pid, const struct map_entry *e)
{
	bool vdso = strcmp(e->path, "[vdso]") == 0;
	struct image **bucket = bucket_of(s, e->dev, e->ino);
	struct image *image;

	if (!vdso && (!e->ino || e->path[0] != '/'))
		return NULL;
	for (image = *bucket; image; image = image->next)
		if (image->dev == e->dev && image->ino == e->ino && (image->path[0] == '[') == vdso)
			break;
	if (!image) {
		image = image_create(s, e);
		if (!image)
			return NULL;
		image->next = *bucket;
		*bucket = image;
	}
	if (image->fd < 0)
		image_open(image, pid, e);
	return image_ref(image);
}

struct image *image_ref(struct image *image)
{
	image->refs++;
	return image;
}

void image_put(struct image *image)
{
	if (!image || --image->refs)
		return;
	/* The rows are kept until image_store_trim(); a descriptor would keep a file system busy.
	 */
	cleanup_close_(&image->fd);
	image->fd = -1;
}

static void hex(char *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
		out[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
	}
	out[2 * n] = '\0';
}

static void set_identity(struct image *image, const struct job_reply *reply)
{
	hex(image->build_id, reply->build_id, reply->build_id_len);
	memcpy(image->debuglink, reply->debuglink, sizeof(image->debuglink));
}

static void rows_came(void *ctx, const struct job_reply *reply, void *block)
{
	struct image *image = ctx;
	struct image_store *s = image->store;

	image->state = IMAGE_NO_ROWS;
	image->error = reply->status;
	set_identity(image, reply);
	if (block) {
		image->error = rows_map(block, reply->size, &image->rows);
		if (image->error) {
			munmap(block, reply->size);
		} else {
			image->state = IMAGE_READY;
			image->block = block;
			image->rows_bytes = reply->size;
		}
	}
	if (image->error)
		log_debug("%s: no unwind rows: %s", image->path, strerror(-image->error));
	s->epoch++;
	/* A store that is being destroyed has no jobs any more, and nobody to tell. */
	if (s->jobs)
		s->rows_ready(s->ctx, image);
	image_put(image);
}

static const char *image_basename(const struct image *image)
{
	const char *slash = strrchr(image->path, '/');

	return slash ? slash + 1 : image->path;
}

void image_want_rows(struct image *image)
{
	int err;

	if (image->state != IMAGE_NEW)
		return;
	image->state = IMAGE_LOADING;
	err = job_submit(image->store->jobs, JOB_ROWS, image->fd, -1, image_basename(image), NULL,
			 0, rows_came, image_ref(image));
	if (err) {
		image->state = IMAGE_NO_ROWS;
		image->error = err;
		image->store->epoch++;
		image_put(image);
	}
}

struct identify_request {
	struct image *image;
	void (*cb)(void *ctx, struct image *image, int status);
	void *ctx;
};

static void identified(void *ctx, const struct job_reply *reply, void *block)
{
	struct identify_request *r = ctx;

	if (block)
		munmap(block, reply->size);
	/* Rows that came meanwhile have said it as well. */
	if (!reply->status)
		set_identity(r->image, reply);
	r->cb(r->ctx, r->image, reply->status);
	free(r);
}

int image_identify(struct image *image, void (*cb)(void *ctx, struct image *image, int status),
		   void *ctx)
{
	struct identify_request *r;
	int err;

	if (image->fd < 0)
		return image->error ? image->error : -ENOENT;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct identify_request){image, cb, ctx};
	err = job_submit(image->store->jobs, JOB_IDENTIFY, image->fd, -1, image_basename(image),
			 NULL, 0, identified, r);
	if (err)
		free(r);
	return err;
}

int image_read_code(struct image *image, uint64_t offset, uint64_t *val)
{
	if (image->fd < 0)
		return -EFAULT;
	return code_read(&image->store->code, image->id, image->fd, offset, val);
}

static void names_came(void *ctx, const struct job_reply *reply, void *block)
{
	struct names_request *r = ctx;
	struct names names;
	int err = reply->status;

	if (!err)
		err = block ? names_map(block, reply->size, &names) : -ENODATA;
	r->cb(r->ctx, err ? NULL : &names, err);
	if (block)
		munmap(block, reply->size);
	free(r);
}

static int names_submit(struct image_store *s, enum job_op op, int fd, int debug_fd,
			const char *basename, const uint64_t *addrs, size_t n, names_cb cb,
			void *ctx)
{
	struct names_request *r = malloc(sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	*r = (struct names_request){.cb = cb, .ctx = ctx};
	err = job_submit(s->jobs, op, fd, debug_fd, basename, addrs, n, names_came, r);
	if (err)
		free(r);
	return err;
}

int image_names(struct image *image, const uint64_t *offsets, size_t n, names_cb cb, void *ctx)
{
	_cleanup_close_ int debug_fd = -1;

	if (image->fd < 0)
		return image->error ? image->error : -ENOENT;
	debug_fd = open_debug(image->path, image->build_id, image->debuglink);
	return names_submit(image->store, JOB_NAMES, image->fd, debug_fd, image_basename(image),
			    offsets, n, cb, ctx);
}

int kernel_names(struct image_store *s, const uint64_t *addrs, size_t n, names_cb cb, void *ctx)
{
	_cleanup_close_ int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return names_submit(s, JOB_KALLSYMS, fd, -1, "kallsyms", addrs, n, cb, ctx);
}

int perfmap_names(struct image_store *s, pid_t pid, const uint64_t *addrs, size_t n, names_cb cb,
		  void *ctx)
{
	_cleanup_close_ int fd = open_perfmap(pid);

	if (fd < 0)
		return fd;
	return names_submit(s, JOB_PERFMAP, fd, -1, "perf map", addrs, n, cb, ctx);
}

struct alloc_request {
	image_alloc_cb cb;
	void *ctx;
};

static void alloc_came(void *ctx, const struct job_reply *reply, void *block)
{
	struct alloc_request *r = ctx;
	int n = reply->status;

	if (!n && block)
		n = alloc_funcs_check(block, reply->size);
	r->cb(r->ctx, n > 0 ? block : NULL, n > 0 ? (size_t)n : 0, n < 0 ? n : 0);
	if (block)
		munmap(block, reply->size);
	free(r);
}

int image_alloc(struct image *image, image_alloc_cb cb, void *ctx)
{
	struct alloc_request *r;
	int err;

	if (image->fd < 0)
		return image->error ? image->error : -ENOENT;
	r = malloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	*r = (struct alloc_request){.cb = cb, .ctx = ctx};
	err = job_submit(image->store->jobs, JOB_ALLOC, image->fd, -1, image_basename(image), NULL,
			 0, alloc_came, r);
	if (err)
		free(r);
	return err;
}
