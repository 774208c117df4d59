// SPDX-License-Identifier: GPL-2.0-or-later
#include "fdes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "elf.h"

enum { SECTION_MAX = 256 << 20, HDR_SIZE = 20 };

/* Bytes of the file from @vaddr to the end of its segment; 0 when there are none. */
static uint64_t segment_rest(const struct elf_image *img, uint64_t vaddr)
{
	for (size_t i = 0; i < img->nsegments; i++)
		if (vaddr - img->segments[i].vaddr < img->segments[i].filesz)
			return img->segments[i].filesz - (vaddr - img->segments[i].vaddr);
	return 0;
}

/* .eh_frame_hdr: version, encodings of the pointer and of the count, pointer, count. */
static bool read_hdr(const struct elf_image *img, struct cfi_section *sec)
{
	const struct elf_segment *h = &img->eh_frame_hdr;
	uint8_t hdr[HDR_SIZE];
	const uint8_t *p = hdr + 4;

	if (h->filesz < sizeof(hdr) || elf_read_at(img, h->offset, hdr, sizeof(hdr)) || hdr[0] != 1)
		return false;
	sec->stop_at_terminator = true;
	if (!cfi_read_pointer(&p, hdr + sizeof(hdr), hdr[1], h->vaddr + 4, &sec->vaddr))
		return false;
	if (!cfi_read_pointer(&p, hdr + sizeof(hdr), hdr[2], 0, &sec->max_fdes))
		sec->max_fdes = UINT64_MAX;
	return true;
}

/* Copies the frame information that has no section header; 0 with no data when there is none. */
static int copy_segment(const struct elf_image *img, struct cfi_section *sec)
{
	uint64_t offset, size;

	if (!read_hdr(img, sec) || !elf_vaddr_to_offset(img, sec->vaddr, &offset))
		return 0;
	size = segment_rest(img, sec->vaddr);
	if (!size || size > SECTION_MAX || offset > img->size || size > img->size - offset)
		return 0;
	sec->data = calloc(1, size + CFI_PADDING);
	if (!sec->data)
		return -ENOMEM;
	sec->size = size;
	if (elf_read_at(img, offset, sec->data, size))
		sec->size = 0;
	return 0;
}

static int copy_section(struct elf_image *img, const struct elf_section *from,
			struct cfi_section *sec)
{
	const uint8_t *data;
	size_t size;
	int err = elf_section_read(img, from, SECTION_MAX, &data, &size);

	if (err)
		return err == -ENOMEM ? err : 0;
	sec->data = calloc(1, size + CFI_PADDING);
	if (!sec->data)
		return -ENOMEM;
	memcpy(sec->data, data, size);
	sec->size = size;
	sec->vaddr = from->addr;
	return 0;
}

int fdes_read(struct elf_image *img, struct buf *fdes)
{
	const struct elf_section *from = elf_section_find(img, ".eh_frame");
	struct cfi_section sec = {.eh = true, .max_fdes = UINT64_MAX};
	_cleanup_free_ uint8_t *copy = NULL;
	int err;

	err = from ? copy_section(img, from, &sec) : copy_segment(img, &sec);
	/* cfi_check() moves the start. */
	copy = sec.data;
	if (err || !sec.size)
		return err;
	return cfi_check(&sec, fdes);
}

const struct cfi_fde *fdes_find(const struct buf *fdes, uint64_t vaddr)
{
	const struct cfi_fde *f = (const struct cfi_fde *)(const void *)fdes->data;
	size_t lo = 0, hi = fdes->len / sizeof(*f);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (f[mid].start <= vaddr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo && vaddr < f[lo - 1].end ? &f[lo - 1] : NULL;
}
