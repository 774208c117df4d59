/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The images that running processes have mapped: each file once, with its unwind rows. The files
 * are read in a worker process (jobs.h); here are only descriptors, rows and names.
 */
#ifndef KPPROF_STORE_H
#define KPPROF_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "../../kmod/walk.h"
#include "elf.h"
#include "maps.h"
#include "names.h"

struct alloc_func;
struct image_store;
struct loop;

enum image_state {
	IMAGE_NEW, /* nobody asked for its rows yet */
	IMAGE_LOADING,
	IMAGE_READY,   /* rows are there */
	IMAGE_NO_ROWS, /* has none, or could not be read */
};

/**
 * struct image - one mapped file; read only outside store.c
 * @store: where it lives
 * @refs: mappings and others that hold it
 * @dev: as in /proc/PID/maps
 * @ino: same
 * @path: as the process that mapped it first sees it, without " (deleted)"
 * @fd: the file, -1 when it could not be opened
 * @state: of the rows
 * @error: why there are no rows: 0 or -errno
 * @rows: valid when IMAGE_READY
 * @rows_bytes: memory they take
 * @build_id: lower-case hexadecimal, "" when there is none or the image was not read
 * @debuglink: name of the separate debug file, "" for none
 * @id: a number that no other image of this store has or had
 * @module: which connection to the module has its rows, 0 for none; kept by engine/kmod.c
 */
struct image {
	struct image_store *store;
	struct image *next;
	unsigned int refs;
	dev_t dev;
	ino_t ino;
	char *path;
	int fd;
	enum image_state state;
	int error;
	struct kpprof_rows rows;
	void *block;
	size_t rows_bytes;
	char build_id[2 * ELF_BUILD_ID_MAX + 1];
	char debuglink[256];
	uint32_t id;
	uint32_t module;
};

/**
 * image_store_create() - an empty store
 * @loop: the agent's loop
 * @rows_ready: called when the rows of an image have come, or will not
 * @ctx: for @rows_ready
 * @out: the store
 *
 * Return: 0 or -ENOMEM.
 */
int image_store_create(struct loop *loop, void (*rows_ready)(void *ctx, struct image *image),
		       void *ctx, struct image_store **out);

/** image_store_destroy() - free the store; no image may be referenced any more */
void image_store_destroy(struct image_store *s);

/** image_store_trim() - end the worker and free all images that nobody references */
void image_store_trim(struct image_store *s);

/** image_store_each() - call @fn for each image; it may not add or remove any */
void image_store_each(struct image_store *s, void (*fn)(void *ctx, struct image *image), void *ctx);

/** image_store_epoch() - a number that changes when the state of some image changes */
uint64_t image_store_epoch(const struct image_store *s);

/** image_store_worker() - pid of the process that reads the files, 0 while there is none */
pid_t image_store_worker(const struct image_store *s);

/** image_store_failures() - how often that process has died or hung over a file */
uint64_t image_store_failures(const struct image_store *s);

/**
 * image_get() - the image behind a mapping
 * @s: store
 * @pid: a process that has it mapped, through which the file is opened
 * @e: the mapping
 *
 * Return: the image with a new reference, or NULL for anonymous memory or without memory. A file
 * that cannot be opened gives an image in state IMAGE_NO_ROWS.
 */
struct image *image_get(struct image_store *s, pid_t pid, const struct map_entry *e);

/** image_ref() - one more reference; returns @image */
struct image *image_ref(struct image *image);

/** image_put() - one reference less; NULL is allowed */
void image_put(struct image *image);

/** image_want_rows() - start to load the rows if nobody has */
void image_want_rows(struct image *image);

/** image_read_code() - 8 bytes of the file, for the walker; 0 or -EFAULT */
int image_read_code(struct image *image, uint64_t offset, uint64_t *val);

/**
 * typedef names_cb - names have come
 * @ctx: the caller's
 * @names: in the order of the request, valid during the call; NULL when @status is not 0
 * @status: 0 or -errno
 */
typedef void (*names_cb)(void *ctx, const struct names *names, int status);

/**
 * image_names() - name code of an image
 * @image: must stay referenced until @cb
 * @offsets: file offsets; copied
 * @n: how many
 *
 * Return: 0, and @cb will be called once from the loop; or -errno, and it will not.
 */
int image_names(struct image *image, const uint64_t *offsets, size_t n, names_cb cb, void *ctx);

/**
 * image_identify() - read the build ID of an image, whether its rows are wanted or not
 * @image: must stay referenced until @cb; its @build_id and @debuglink are set then
 * @cb: called once from the loop: 0, or -errno when the file could not be read
 *
 * Return: 0; -ENOENT or -errno when the file could not be opened; -errno.
 */
int image_identify(struct image *image, void (*cb)(void *ctx, struct image *image, int status),
		   void *ctx);

/** kernel_names() - name kernel addresses, see kallsyms_resolve(); as image_names() */
int kernel_names(struct image_store *s, const uint64_t *addrs, size_t n, names_cb cb, void *ctx);

/** perfmap_names() - name addresses in JIT code of process @pid, see perfmap_resolve(); as
 * image_names() */
int perfmap_names(struct image_store *s, pid_t pid, const uint64_t *addrs, size_t n, names_cb cb,
		  void *ctx);

/**
 * typedef image_alloc_cb - what an image defines of an allocator has come
 * @ctx: the caller's
 * @funcs: checked, valid during the call; NULL when there are none
 * @n: how many
 * @status: 0 or -errno
 */
typedef void (*image_alloc_cb)(void *ctx, const struct alloc_func *funcs, size_t n, int status);

/** image_alloc() - find the allocator's functions in an image; as image_names() */
int image_alloc(struct image *image, image_alloc_cb cb, void *ctx);

#endif /* KPPROF_STORE_H */
