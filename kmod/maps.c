// SPDX-License-Identifier: GPL-2.0-only
#include <linux/mm.h>
#include <linux/netlink.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "image.h"
#include "maps.h"

/* Room for so many mappings at first; doubled when it is full. */
#define FIRST_CAP  16

#define MEMO_BYTES (KPPROF_MEMO_SIZE * sizeof(u64))

/* Without one, walks take longer. */
static u64 *memo_create(void)
{
	u64 *memo;

	if (kpprof_mem_charge(MEMO_BYTES))
		return NULL;
	memo = kzalloc(MEMO_BYTES, GFP_KERNEL | __GFP_NOWARN);
	if (!memo)
		kpprof_mem_uncharge(MEMO_BYTES);
	return memo;
}

static void memo_free(u64 *memo)
{
	if (memo)
		kpprof_mem_uncharge(MEMO_BYTES);
	kfree(memo);
}

struct kpprof_maps *kpprof_maps_create(u32 cookie)
{
	struct kpprof_maps *maps = kzalloc(sizeof(*maps), GFP_KERNEL);

	if (!maps)
		return NULL;
	refcount_set(&maps->refs, 1);
	maps->cookie = cookie;
	maps->memo = memo_create();
	return maps;
}

static size_t map_bytes(u32 cap)
{
	return cap * sizeof(struct kpprof_map);
}

static int grow(struct kpprof_maps *maps, struct netlink_ext_ack *extack)
{
	u32 cap = maps->cap ? maps->cap * 2 : FIRST_CAP;
	struct kpprof_map *map;

	if (kpprof_mem_charge(map_bytes(cap - maps->cap))) {
		NL_SET_ERR_MSG(extack, "over the cap of memory for rows and mappings (memory_mb)");
		return -ENOSPC;
	}
	map = kvmalloc_array(cap, sizeof(*map), GFP_KERNEL | __GFP_NOWARN);
	if (!map) {
		kpprof_mem_uncharge(map_bytes(cap - maps->cap));
		return -ENOMEM;
	}
	if (maps->n)
		memcpy(map, maps->map, map_bytes(maps->n));
	kvfree(maps->map);
	maps->map = map;
	maps->cap = cap;
	return 0;
}

static int check_range(const struct kpprof_maps *maps, u64 start, u64 end,
		       struct netlink_ext_ack *extack)
{
	u64 from = maps->n ? maps->map[maps->n - 1].end : 0;

	if (maps->n >= KPPROF_MAPS_MAX) {
		NL_SET_ERR_MSG(extack, "too many mappings");
		return -E2BIG;
	}
	if (start >= end || start < from || end > TASK_SIZE_MAX) {
		NL_SET_ERR_MSG(extack,
			       "mappings are empty, not sorted, overlap or are out of range");
		return -EINVAL;
	}
	return 0;
}

int kpprof_maps_add(struct kpprof_maps *maps, u64 start, u64 end, u64 offset, u32 image_id,
		    bool pending, struct netlink_ext_ack *extack)
{
	struct kpprof_image *image = NULL;
	int err = check_range(maps, start, end, extack);

	if (!err && maps->n == maps->cap)
		err = grow(maps, extack);
	if (err)
		return err;
	if (image_id) {
		image = kpprof_image_get(image_id);
		if (!image) {
			NL_SET_ERR_MSG(extack, "a mapping's image is not there or not whole");
			return -ENOENT;
		}
	}
	maps->map[maps->n++] = (struct kpprof_map){
		.start = start,
		.end = end,
		.offset = offset,
		.rows = image ? &image->rows : NULL,
		.flags = pending && !image ? KPPROF_MAP_PENDING : 0,
	};
	return 0;
}

/* Whether @vma shows what @map says of the address @addr. */
static bool shows(const struct vm_area_struct *vma, const struct kpprof_map *map, u64 addr)
{
	u64 have = ((u64)vma->vm_pgoff << PAGE_SHIFT) + (addr - vma->vm_start);

	if (vma->vm_start > addr || !(vma->vm_flags & VM_EXEC))
		return false;
	return !vma->vm_file || have == map->offset + (addr - map->start);
}

/* A mapping of the client's may be several of the kernel's, one after the other. */
static bool is_mapped(struct mm_struct *mm, const struct kpprof_map *map)
{
	u64 addr = map->start;

	while (addr < map->end) {
		const struct vm_area_struct *vma = find_vma(mm, addr);

		if (!vma || !shows(vma, map, addr))
			return false;
		addr = vma->vm_end;
	}
	return true;
}

int kpprof_maps_compare(const struct kpprof_maps *maps, struct mm_struct *mm,
			struct netlink_ext_ack *extack)
{
	int err = 0;
	u32 i;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	for (i = 0; i < maps->n && !err; i++) {
		if (!is_mapped(mm, &maps->map[i]))
			err = -ESTALE;
		cond_resched();
	}
	mmap_read_unlock(mm);
	if (err)
		NL_SET_ERR_MSG(extack, "a mapping is not there any more");
	return err;
}

struct kpprof_maps *kpprof_maps_get(struct kpprof_maps *maps)
{
	refcount_inc(&maps->refs);
	return maps;
}

void kpprof_maps_put(struct kpprof_maps *maps)
{
	u32 i;

	if (!maps || !refcount_dec_and_test(&maps->refs))
		return;
	for (i = 0; i < maps->n; i++)
		if (maps->map[i].rows)
			kpprof_image_put(
				container_of(maps->map[i].rows, struct kpprof_image, rows));
	kvfree(maps->map);
	kpprof_mem_uncharge(map_bytes(maps->cap));
	memo_free(maps->memo);
	kfree(maps);
}
