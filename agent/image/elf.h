/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An ELF file, opened and checked. Everything under image/ reads strangers' files: a file
 * descriptor comes in, and rows and names go out. Nothing here opens a path, and every size is
 * checked before use.
 */
#ifndef KPPROF_ELF_H
#define KPPROF_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libelf.h>

enum { ELF_BUILD_ID_MAX = 64 };

/**
 * struct elf_segment - a PT_LOAD
 * @offset: in the file
 * @filesz: bytes in the file
 * @vaddr: as linked
 * @memsz: bytes in memory
 * @flags: PF_X and so on
 */
struct elf_segment {
	uint64_t offset;
	uint64_t filesz;
	uint64_t vaddr;
	uint64_t memsz;
	uint32_t flags;
};

/**
 * struct elf_section - a section with bytes in the file, or SHT_NOBITS
 */
struct elf_section {
	const char *name;
	uint32_t type;
	uint32_t link;
	uint64_t flags;
	uint64_t addr;
	uint64_t offset;
	uint64_t size;
	uint64_t entsize;
	uint64_t align;
	size_t index;
};

/**
 * struct elf_image - one open ELF file
 * @elf: libelf's handle
 * @fd: the descriptor it reads; the caller's
 * @size: of the file
 * @machine: EM_*
 * @type: ET_EXEC, ET_DYN or ET_REL (no segments)
 * @entry: e_entry, 0 for none
 * @segments: PT_LOADs in file order; may reach over the end of the file (separate debug files)
 * @nsegments: how many
 * @eh_frame_hdr: PT_GNU_EH_FRAME, all zero for none
 * @has_interp: there is a PT_INTERP: a program, not a library
 * @sections: every section whose header makes sense, NULL when there are none
 * @nsections: how many
 * @build_id: NT_GNU_BUILD_ID
 * @build_id_len: 0 when there is none
 * @debuglink: name in .gnu_debuglink, "" for none
 * @debuglink_crc: its CRC-32
 */
struct elf_image {
	Elf *elf;
	int fd;
	uint64_t size;
	uint16_t machine;
	uint16_t type;
	uint64_t entry;
	struct elf_segment *segments;
	size_t nsegments;
	struct elf_segment eh_frame_hdr;
	bool has_interp;
	struct elf_section *sections;
	size_t nsections;
	uint8_t build_id[ELF_BUILD_ID_MAX];
	size_t build_id_len;
	char debuglink[256];
	uint32_t debuglink_crc;
	/* private: */
	char *names;
	struct elf_bytes *bytes;
	void *bare;
};

/**
 * elf_image_open() - open and check an ELF file
 * @fd: readable and seekable; must stay open as long as the image, is not closed with it
 * @out: the image
 *
 * Only 64-bit little-endian files of the machine that the agent runs on are read.
 *
 * Return: 0; -ENOEXEC when this is no such ELF file; -EBADMSG when it is damaged; -ENOMEM; -errno.
 */
int elf_image_open(int fd, struct elf_image **out);

/** elf_image_close() - free an image; NULL is allowed */
void elf_image_close(struct elf_image *img);

/** elf_section_find() - a section by name, or NULL */
const struct elf_section *elf_section_find(const struct elf_image *img, const char *name);

/**
 * elf_section_read() - the bytes of a section, decompressed when it is SHF_COMPRESSED
 * @img: the image
 * @sec: one of its sections
 * @max: refuse more than this many bytes
 * @data: out: the bytes, owned by the image
 * @size: out
 *
 * Return: 0, -EFBIG, -EBADMSG, -ENODATA for SHT_NOBITS, -ENOMEM.
 */
int elf_section_read(struct elf_image *img, const struct elf_section *sec, size_t max,
		     const uint8_t **data, size_t *size);

/** elf_offset_to_vaddr() - where a file offset is linked to; false when no PT_LOAD holds it */
bool elf_offset_to_vaddr(const struct elf_image *img, uint64_t offset, uint64_t *vaddr);

/** elf_vaddr_to_offset() - the file offset of a linked address; false when none */
bool elf_vaddr_to_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *offset);

/**
 * elf_read_at() - read bytes of the file
 *
 * Return: 0, or -EBADMSG when the file does not have them all, or -errno.
 */
int elf_read_at(const struct elf_image *img, uint64_t offset, void *to, size_t n);

static inline void elf_image_closep(struct elf_image **img)
{
	elf_image_close(*img);
}

#define _cleanup_elf_ __attribute__((__cleanup__(elf_image_closep)))

#endif /* KPPROF_ELF_H */
