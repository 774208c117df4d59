// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/netlink.h>
#include <linux/slab.h>
#include <linux/xarray.h>

#include "image.h"

static unsigned int memory_mb = 32;
module_param(memory_mb, uint, 0444);
MODULE_PARM_DESC(memory_mb, "cap of the memory for unwind rows and mappings, in MiB (default 32)");

static DEFINE_XARRAY(images);
static u32 nimages;
static atomic64_t used = ATOMIC64_INIT(0);

u64 kpprof_mem_max(void)
{
	return (u64)memory_mb << 20;
}

u64 kpprof_mem_used(void)
{
	return atomic64_read(&used);
}

int kpprof_mem_charge(size_t bytes)
{
	if ((u64)atomic64_add_return(bytes, &used) <= kpprof_mem_max())
		return 0;
	atomic64_sub(bytes, &used);
	return -ENOSPC;
}

void kpprof_mem_uncharge(size_t bytes)
{
	atomic64_sub(bytes, &used);
}

static void image_free(struct kpprof_image *image)
{
	kvfree(image->pcs);
	kvfree(image->index);
	kvfree(image->rules);
	kvfree(image->pages);
	kpprof_mem_uncharge(image->bytes);
	kfree(image);
}

static struct kpprof_image *image_alloc(u32 nrows, u32 nrules)
{
	/* The client is told; the kernel's log is not for that. */
	const gfp_t gfp = GFP_KERNEL | __GFP_NOWARN;
	struct kpprof_image *image = kzalloc(sizeof(*image), gfp);

	if (!image)
		return NULL;
	refcount_set(&image->refs, 1);
	image->pcs = kvmalloc_array(nrows, sizeof(*image->pcs), gfp);
	image->index = kvmalloc_array(nrows, sizeof(*image->index), gfp);
	image->rules = kvmalloc_array(nrules, sizeof(*image->rules), gfp);
	image->pages = kvmalloc_array(kpprof_rows_pages_max(nrows), sizeof(*image->pages), gfp);
	if (!image->pcs || !image->index || !image->rules || !image->pages) {
		image_free(image);
		return NULL;
	}
	image->rows = (struct kpprof_rows){
		.nrows = nrows,
		.nrules = nrules,
		.pcs = image->pcs,
		.index = image->index,
		.rules = image->rules,
	};
	return image;
}

static int image_insert(struct kpprof_image *image, u32 id)
{
	int err = xa_insert(&images, id, image, GFP_KERNEL);

	if (err)
		return err == -EBUSY ? -EEXIST : err;
	image->id = id;
	nimages++;
	return 0;
}

int kpprof_image_create(u32 id, u32 nrows, u32 nrules, struct netlink_ext_ack *extack)
{
	struct kpprof_image *image;
	size_t bytes;
	int err;

	if (!id || !nrows || nrows > KPPROF_ROWS_MAX || !nrules || nrules > KPPROF_RULES_MAX) {
		NL_SET_ERR_MSG(extack, "image number, rows or rules out of range");
		return -EINVAL;
	}
	bytes = sizeof(*image) + nrows * (sizeof(u32) + sizeof(u16)) +
		kpprof_rows_pages_max(nrows) * sizeof(u32) + nrules * sizeof(struct kpprof_rule);
	err = kpprof_mem_charge(bytes);
	if (err) {
		NL_SET_ERR_MSG(extack, "over the cap of memory for rows and mappings (memory_mb)");
		return err;
	}
	image = image_alloc(nrows, nrules);
	if (!image) {
		kpprof_mem_uncharge(bytes);
		return -ENOMEM;
	}
	image->bytes = bytes;
	err = image_insert(image, id);
	if (err) {
		NL_SET_ERR_MSG(extack, "image exists");
		image_free(image);
	}
	return err;
}

static struct kpprof_image *image_open(u32 id, struct netlink_ext_ack *extack)
{
	struct kpprof_image *image = xa_load(&images, id);

	if (!image)
		NL_SET_ERR_MSG(extack, "no such image");
	else if (image->whole)
		NL_SET_ERR_MSG(extack, "image is whole already");
	return image && !image->whole ? image : NULL;
}

/* Parts come in order and within what the first message said, so a whole image has no holes. */
static bool part_fits(u32 at, u32 n, u32 have, u32 max, struct netlink_ext_ack *extack)
{
	if (n && at == have && n <= max - have)
		return true;
	NL_SET_ERR_MSG(extack, "part of an image out of order or out of range");
	return false;
}

int kpprof_image_rows(u32 id, u32 at, const void *pcs, const void *index, u32 n,
		      struct netlink_ext_ack *extack)
{
	struct kpprof_image *image = image_open(id, extack);

	if (!image)
		return -ENOENT;
	if (!part_fits(at, n, image->nrows, image->rows.nrows, extack))
		return -EINVAL;
	memcpy(image->pcs + at, pcs, n * sizeof(u32));
	memcpy(image->index + at, index, n * sizeof(u16));
	image->nrows += n;
	return 0;
}

int kpprof_image_rules(u32 id, u32 at, const void *rules, u32 n, struct netlink_ext_ack *extack)
{
	struct kpprof_image *image = image_open(id, extack);

	if (!image)
		return -ENOENT;
	if (!part_fits(at, n, image->nrules, image->rows.nrules, extack))
		return -EINVAL;
	memcpy(image->rules + at, rules, n * sizeof(struct kpprof_rule));
	image->nrules += n;
	return 0;
}

int kpprof_image_done(u32 id, struct netlink_ext_ack *extack)
{
	struct kpprof_image *image = image_open(id, extack);

	if (!image)
		return -ENOENT;
	if (image->nrows != image->rows.nrows || image->nrules != image->rows.nrules) {
		NL_SET_ERR_MSG(extack, "parts of the image are missing");
	} else if (kpprof_rows_check(&image->rows)) {
		NL_SET_ERR_MSG(extack, "rows are not sorted, or a rule is out of range or unknown");
	} else {
		kpprof_rows_index(&image->rows, image->pages);
		image->whole = true;
		return 0;
	}
	kpprof_image_drop(id);
	return -EINVAL;
}

int kpprof_image_drop(u32 id)
{
	struct kpprof_image *image = xa_erase(&images, id);

	if (!image)
		return -ENOENT;
	nimages--;
	kpprof_image_put(image);
	return 0;
}

void kpprof_image_drop_all(void)
{
	struct kpprof_image *image;
	unsigned long id;

	xa_for_each(&images, id, image)
		kpprof_image_drop(id);
	xa_destroy(&images);
}

struct kpprof_image *kpprof_image_get(u32 id)
{
	struct kpprof_image *image = xa_load(&images, id);

	if (!image || !image->whole)
		return NULL;
	refcount_inc(&image->refs);
	return image;
}

void kpprof_image_put(struct kpprof_image *image)
{
	if (refcount_dec_and_test(&image->refs))
		image_free(image);
}

u32 kpprof_image_count(void)
{
	return nimages;
}
