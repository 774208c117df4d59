// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The worker's side of jobs.h. It keeps the symbols of the files that it was asked about last,
 * because a profile is followed by another of the same program.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../base/buf.h"
#include "../base/cleanup.h"
#include "../base/log.h"
#include "allocfuncs.h"
#include "jobs.h"
#include "kallsyms.h"
#include "perfmap.h"
#include "rows.h"
#include "sandbox.h"
#include "symbols.h"

/* The unpacked debug information of a C library, which every second profile asks for, and the
 * symbols of a program beside it. */
enum { CACHE_BYTES = 12 << 20 };

/* One file with its symbols; the descriptors are those of the first job that named it. */
struct cached {
	struct cached *next;
	struct stat st;
	struct stat debug_st;
	int fd;
	int debug_fd;
	struct elf_image *img;
	struct elf_image *debug;
	struct symbols *symbols;
};

struct worker {
	int sock;
	struct cached *cache; /* last used first */
};

/* What came with a request; the descriptors are closed at its end. */
struct request {
	struct job_request req;
	int fd;
	int input_fd;
	int debug_fd;
	uint64_t *input;
};

static void cached_free(struct cached *c)
{
	symbols_destroy(c->symbols);
	elf_image_close(c->debug);
	elf_image_close(c->img);
	cleanup_close_(&c->debug_fd);
	cleanup_close_(&c->fd);
	free(c);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

static struct cached *cache_find(struct worker *w, const struct stat *st, const struct stat *debug)
{
	for (struct cached **at = &w->cache; *at; at = &(*at)->next) {
		struct cached *c = *at;

		if (!same_file(&c->st, st) || !same_file(&c->debug_st, debug))
			continue;
		*at = c->next;
		c->next = w->cache;
		w->cache = c;
		return c;
	}
	return NULL;
}

static void cache_trim(struct worker *w)
{
	struct cached **at = &w->cache;
	size_t bytes = 0;
	bool freed = false;

	while (*at) {
		struct cached *c = *at;

		bytes += symbols_bytes(c->symbols);
		if (bytes <= CACHE_BYTES) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		cached_free(c);
		freed = true;
	}
	if (freed)
		malloc_trim(0);
}

static int cache_add(struct worker *w, struct request *r, const struct stat *st,
		     const struct stat *debug_st, struct cached **out)
{
	struct cached *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->st = *st;
	c->debug_st = *debug_st;
	c->fd = take_fd(r->fd);
	c->debug_fd = take_fd(r->debug_fd);
	err = elf_image_open(c->fd, &c->img);
	/* A debug file that cannot be read is as good as none. */
	if (!err && c->debug_fd >= 0 && elf_image_open(c->debug_fd, &c->debug))
		c->debug = NULL;
	if (!err)
		err = symbols_create(c->img, c->debug, &c->symbols);
	if (err) {
		cached_free(c);
		return err;
	}
	c->next = w->cache;
	w->cache = c;
	*out = c;
	return 0;
}

static int do_names(struct worker *w, struct request *r, struct buf *out)
{
	struct names_builder names = {0};
	struct stat st = {0}, debug_st = {0};
	struct cached *c;
	int err;

	if (fstat(r->fd, &st) < 0 || (r->debug_fd >= 0 && fstat(r->debug_fd, &debug_st) < 0))
		return -errno;
	c = cache_find(w, &st, &debug_st);
	err = c ? 0 : cache_add(w, r, &st, &debug_st, &c);
	if (!err)
		err = symbols_resolve(c->symbols, r->req.basename, r->input, r->req.ninput, &names);
	if (!err)
		err = names_finish(&names, out);
	names_builder_deinit(&names);
	cache_trim(w);
	return err;
}

static int identify(struct request *r, struct job_reply *reply, struct elf_image **img)
{
	int err = elf_image_open(r->fd, img);

	if (err)
		return err;
	reply->build_id_len = (uint32_t)(*img)->build_id_len;
	memcpy(reply->build_id, (*img)->build_id, (*img)->build_id_len);
	memcpy(reply->debuglink, (*img)->debuglink, sizeof(reply->debuglink));
	return 0;
}

static int do_identify(struct request *r, struct job_reply *reply)
{
	_cleanup_elf_ struct elf_image *img = NULL;

	return identify(r, reply, &img);
}

static int do_rows(struct request *r, struct job_reply *reply, struct buf *out)
{
	_cleanup_elf_ struct elf_image *img = NULL;
	int err = identify(r, reply, &img);

	if (err)
		return err;
	err = rows_build(img, out);
	/* An image without rows still has a build ID. */
	return err == -ENODATA ? 0 : err;
}

static int do_alloc(struct request *r, struct buf *out)
{
	_cleanup_elf_ struct elf_image *img = NULL;
	int err = elf_image_open(r->fd, &img);

	return err ? err : alloc_funcs_find(img, out);
}

typedef int (*text_resolver)(int fd, const uint64_t *addrs, size_t n, struct names_builder *out);

static int do_text(text_resolver resolve, struct request *r, struct buf *out)
{
	struct names_builder names = {0};
	int err = resolve(r->fd, r->input, r->req.ninput, &names);

	if (!err)
		err = names_finish(&names, out);
	names_builder_deinit(&names);
	return err;
}

static int do_job(struct worker *w, struct request *r, struct job_reply *reply, struct buf *out)
{
	switch (r->req.op) {
	case JOB_ROWS:
		return do_rows(r, reply, out);
	case JOB_NAMES:
		return do_names(w, r, out);
	case JOB_KALLSYMS:
		return do_text(kallsyms_resolve, r, out);
	case JOB_ALLOC:
		return do_alloc(r, out);
	case JOB_IDENTIFY:
		return do_identify(r, reply);
	case JOB_PERFMAP:
		return do_text(perfmap_resolve, r, out);
	default:
		return -EINVAL;
	}
}

static int send_reply(int sock, struct job_reply *reply, const struct buf *out)
{
	_cleanup_close_ int fd = -1;
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {reply, sizeof(*reply)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (!reply->status && out->len) {
		struct cmsghdr *c;

		fd = memfd_create("kpprof-reply", MFD_CLOEXEC | MFD_ALLOW_SEALING);
		if (fd < 0 || out->len > UINT32_MAX ||
		    write(fd, out->data, out->len) != (ssize_t)out->len ||
		    fcntl(fd, F_ADD_SEALS,
			  F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
			return -EIO;
		reply->size = (uint32_t)out->len;
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	return sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int read_input(struct request *r)
{
	size_t size = r->req.ninput * sizeof(*r->input);

	if (!size)
		return 0;
	r->input = malloc(size);
	if (!r->input)
		return -ENOMEM;
	return pread(r->input_fd, r->input, size, 0) == (ssize_t)size ? 0 : -EBADMSG;
}

/* Takes the descriptors out of the message; 1 for a request, 0 when the agent is gone. */
static int receive(int sock, struct request *r)
{
	union {
		char buf[CMSG_SPACE(3 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {&r->req, sizeof(r->req)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.buf,
			     .msg_controllen = sizeof(control.buf)};
	int fds[3] = {-1, -1, -1};
	struct cmsghdr *c;
	ssize_t n;

	do {
		n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n != sizeof(r->req))
		return 0;
	c = CMSG_FIRSTHDR(&msg);
	if (c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len <= CMSG_LEN(sizeof(fds)))
		memcpy(fds, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	r->fd = fds[0];
	r->input_fd = fds[1];
	r->debug_fd = fds[2];
	r->req.basename[sizeof(r->req.basename) - 1] = '\0';
	return 1;
}

static int limit_self(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_NAME, "kpprofd-image");
	/* What one file needed goes back to the kernel before the next. */
	mallopt(M_MMAP_THRESHOLD, 64 << 10);
	mallopt(M_TRIM_THRESHOLD, 256 << 10);
	return sandbox_enter();
}

int worker_main(int sock)
{
	struct worker w = {.sock = sock};
	int err = limit_self();

	if (err)
		log_error("image worker: %s", strerror(-err));
	while (!err) {
		struct request r = {.fd = -1, .input_fd = -1, .debug_fd = -1};
		struct job_reply reply = {0};
		struct buf out = {0};

		if (!receive(sock, &r))
			break;
		reply.status = read_input(&r);
		if (!reply.status)
			reply.status = do_job(&w, &r, &reply, &out);
		err = send_reply(sock, &reply, &out);
		buf_deinit(&out);
		free(r.input);
		cleanup_close_(&r.fd);
		cleanup_close_(&r.input_fd);
		cleanup_close_(&r.debug_fd);
	}
	while (w.cache) {
		struct cached *c = w.cache;

		w.cache = c->next;
		cached_free(c);
	}
	return err ? EXIT_FAILURE : EXIT_SUCCESS;
}
