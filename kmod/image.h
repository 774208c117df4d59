/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Unwind rows in the kernel: uploaded once for each image, in parts and in order, checked when they
 * are whole, and shared by the mappings of all processes. An image is owned by the table until it
 * is dropped, and by each list of mappings that uses it.
 *
 * Context: all functions sleep and are called with kpprof_lock held, but kpprof_image_put(), which
 * may be called from any task.
 */
#ifndef KPPROF_IMAGE_H
#define KPPROF_IMAGE_H

#include <linux/refcount.h>
#include <linux/types.h>

#include "walk.h"

struct netlink_ext_ack;

/**
 * struct kpprof_image - the unwind rows of one file
 * @id: the client's number
 * @refs: the table, and mappings
 * @whole: all parts came, and kpprof_rows_check() agreed; set before anybody else sees it
 * @rows: what the walker reads; points to the arrays of this image
 * @nrows: rows that have come
 * @nrules: rules that have come
 * @bytes: memory that is charged for it
 */
struct kpprof_image {
	u32 id;
	refcount_t refs;
	bool whole;
	struct kpprof_rows rows;
	u32 *pcs;
	u16 *index;
	struct kpprof_rule *rules;
	u32 *pages;
	u32 nrows;
	u32 nrules;
	size_t bytes;
};

/** kpprof_mem_max() - cap of the memory for rows and mappings, in bytes */
u64 kpprof_mem_max(void);

/** kpprof_mem_used() - bytes of rows and mappings; any context */
u64 kpprof_mem_used(void);

/** kpprof_mem_charge() - take @bytes of the cap; 0 or -ENOSPC; any context */
int kpprof_mem_charge(size_t bytes);

/** kpprof_mem_uncharge() - give them back; any context */
void kpprof_mem_uncharge(size_t bytes);

/** kpprof_image_create() - start an upload; -EEXIST, -EINVAL, -ENOSPC or -ENOMEM with a text */
int kpprof_image_create(u32 id, u32 nrows, u32 nrules, struct netlink_ext_ack *extack);

/** kpprof_image_rows() - @n rows that follow those that came; -ENOENT, -EINVAL */
int kpprof_image_rows(u32 id, u32 at, const void *pcs, const void *index, u32 n,
		      struct netlink_ext_ack *extack);

/** kpprof_image_rules() - @n rules that follow those that came; -ENOENT, -EINVAL */
int kpprof_image_rules(u32 id, u32 at, const void *rules, u32 n, struct netlink_ext_ack *extack);

/** kpprof_image_done() - check what came; an image that is not well formed is dropped, -EINVAL */
int kpprof_image_done(u32 id, struct netlink_ext_ack *extack);

/** kpprof_image_drop() - take it out of the table; -ENOENT */
int kpprof_image_drop(u32 id);

/** kpprof_image_drop_all() - empty the table */
void kpprof_image_drop_all(void);

/** kpprof_image_get() - a whole image with a new reference, or NULL */
struct kpprof_image *kpprof_image_get(u32 id);

/** kpprof_image_put() - one reference less; frees */
void kpprof_image_put(struct kpprof_image *image);

/** kpprof_image_count() - images in the table */
u32 kpprof_image_count(void);

#endif /* KPPROF_IMAGE_H */
