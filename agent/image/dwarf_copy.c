// SPDX-License-Identifier: GPL-2.0-or-later
#include "dwarf_copy.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "../base/cleanup.h"
#include "elf.h"

enum { PADDING = 64, WANTED = 9, LINE = 2 };

/* Without the leading ".debug_"; the first two must be there. */
static const char *const wanted[WANTED] = {
	"info", "abbrev", "line", "str", "line_str", "ranges", "rnglists", "addr", "str_offsets",
};

/* A section of the file: where its bytes are, and how many they are unpacked. */
struct source {
	uint64_t offset;
	uint64_t packed; /* bytes of zlib data, 0 when it is not packed */
	uint64_t size;
};

struct image {
	Elf64_Ehdr eh;
	Elf64_Shdr sh[WANTED + 2];
	char names[256];
};

static bool take_chdr(const struct elf_image *file, const struct elf_section *sec,
		      struct source *out)
{
	Elf64_Chdr ch;

	if (sec->size < sizeof(ch) || elf_read_at(file, sec->offset, &ch, sizeof(ch)) ||
	    ch.ch_type != ELFCOMPRESS_ZLIB)
		return false;
	*out = (struct source){sec->offset + sizeof(ch), sec->size - sizeof(ch), ch.ch_size};
	return true;
}

/* The older form: "ZLIB" and the size, big-endian. */
static bool take_zdebug(const struct elf_image *file, const struct elf_section *sec,
			struct source *out)
{
	uint8_t head[12];
	uint64_t size = 0;

	if (sec->size < sizeof(head) || elf_read_at(file, sec->offset, head, sizeof(head)) ||
	    memcmp(head, "ZLIB", 4) != 0)
		return false;
	for (size_t i = 4; i < sizeof(head); i++)
		size = size << 8 | head[i];
	*out = (struct source){sec->offset + sizeof(head), sec->size - sizeof(head), size};
	return true;
}

static bool find_source(const struct elf_image *file, const char *name, struct source *out)
{
	*out = (struct source){0};
	for (size_t i = 0; i < file->nsections; i++) {
		const struct elf_section *sec = &file->sections[i];

		if (sec->type == SHT_NOBITS)
			continue;
		if (!strncmp(sec->name, ".zdebug_", 8) && !strcmp(sec->name + 8, name))
			return take_zdebug(file, sec, out);
		if (strncmp(sec->name, ".debug_", 7) != 0 || strcmp(sec->name + 7, name) != 0)
			continue;
		if (sec->flags & SHF_COMPRESSED)
			return take_chdr(file, sec, out);
		*out = (struct source){sec->offset, 0, sec->size};
		return true;
	}
	return false;
}

static int unpack(const struct elf_image *file, const struct source *s, uint8_t *to)
{
	_cleanup_free_ uint8_t *packed = NULL;
	uLongf got = s->size;
	int err;

	if (s->packed > file->size)
		return -EBADMSG;
	packed = malloc(s->packed);
	if (!packed)
		return -ENOMEM;
	err = elf_read_at(file, s->offset, packed, s->packed);
	if (err)
		return err;
	return uncompress(to, &got, packed, s->packed) == Z_OK && got == s->size ? 0 : -EBADMSG;
}

static int copy_sections(const struct elf_image *file, const struct source *src, struct image *img)
{
	uint8_t *data = (uint8_t *)img;

	for (size_t i = 0; i < WANTED; i++) {
		uint8_t *to = data + img->sh[i + 1].sh_offset;
		int err;

		if (!src[i].size)
			continue;
		if (src[i].packed)
			err = unpack(file, &src[i], to);
		else
			err = elf_read_at(file, src[i].offset, to, src[i].size);
		if (err)
			return err == -ENOMEM ? err : -ENOENT;
	}
	return 0;
}

static void fill_headers(const struct elf_image *file, const struct source *src, struct image *img)
{
	size_t at = sizeof(*img), name = 1;

	img->eh = (Elf64_Ehdr){
		.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			    EV_CURRENT},
		.e_type = ET_EXEC,
		.e_machine = file->machine,
		.e_version = EV_CURRENT,
		.e_shoff = offsetof(struct image, sh),
		.e_ehsize = sizeof(Elf64_Ehdr),
		.e_shentsize = sizeof(Elf64_Shdr),
		.e_shnum = WANTED + 2,
		.e_shstrndx = WANTED + 1,
	};
	for (size_t i = 0; i < WANTED; i++) {
		img->sh[i + 1] = (Elf64_Shdr){
			.sh_name = (uint32_t)name,
			.sh_type = src[i].size ? SHT_PROGBITS : SHT_NULL,
			.sh_offset = at,
			.sh_size = src[i].size,
			.sh_addralign = 1,
		};
		name += (size_t)snprintf(img->names + name, sizeof(img->names) - name, ".debug_%s",
					 wanted[i]) +
			1;
		at += src[i].size + PADDING;
	}
	img->sh[WANTED + 1] = (Elf64_Shdr){
		.sh_type = SHT_STRTAB,
		.sh_offset = offsetof(struct image, names),
		.sh_size = sizeof(img->names),
		.sh_addralign = 1,
	};
}

int dwarf_copy(const struct elf_image *file, uint64_t max, struct dwarf_copy *out)
{
	_cleanup_free_ struct image *img = NULL;
	struct source src[WANTED];
	uint64_t sum = 0;
	int err;

	for (size_t i = 0; i < WANTED; i++) {
		if (!find_source(file, wanted[i], &src[i]) && i < 2)
			return -ENOENT;
		if (src[i].size > max - sum)
			return -EFBIG;
		sum += src[i].size;
	}
	*out = (struct dwarf_copy){.size = sizeof(*img) + sum + (size_t)PADDING * WANTED};
	img = calloc(1, out->size);
	if (!img)
		return -ENOMEM;
	fill_headers(file, src, img);
	err = copy_sections(file, src, img);
	if (err)
		return err;
	out->line = (uint8_t *)img + img->sh[LINE + 1].sh_offset;
	out->line_size = src[LINE].size;
	out->data = (uint8_t *)take_ptr(img);
	return 0;
}
