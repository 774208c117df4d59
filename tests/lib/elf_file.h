/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small ELF program in a memfd: code, frame information, and what leads to them. */
#ifndef KPPROF_TEST_ELF_FILE_H
#define KPPROF_TEST_ELF_FILE_H

#include <elf.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* File offsets and addresses are the same. */
enum { CODE_AT = 0x1000, CODE_SIZE = 0x1000, FRAMES_AT = 0x2000 };

enum frames_kind {
	IN_EH_FRAME,
	IN_DEBUG_FRAME,
	/* .eh_frame, but there are no section headers, only PT_GNU_EH_FRAME. */
	BY_EH_FRAME_HDR,
};

struct elf_file_image {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[3];
	Elf64_Shdr sh[3];
	char names[32];
	uint8_t hdr[12];
};

static inline void elf_file_put(int fd, uint64_t at, const void *data, size_t size)
{
	if (size && pwrite(fd, data, size, (off_t)at) != (ssize_t)size)
		abort();
}

/* The headers; @frames_size is how much lies at FRAMES_AT. */
static inline struct elf_file_image elf_file_headers(enum frames_kind kind, size_t frames_size)
{
	size_t n = frames_size;
	int sections = kind == BY_EH_FRAME_HDR ? 0 : 3;
	struct elf_file_image f = {
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_EXEC,
		       .e_machine = EM_X86_64,
		       .e_phoff = offsetof(struct elf_file_image, ph),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 3,
		       .e_shoff = sections ? offsetof(struct elf_file_image, sh) : 0,
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = (uint16_t)sections,
		       .e_shstrndx = 2},
		.names = "\0.eh_frame\0.debug_frame\0.names",
		/* Version, encodings, where .eh_frame is, number of FDEs. */
		.hdr = {1, 0x03, 0x03, 0xff, FRAMES_AT & 0xff, FRAMES_AT >> 8, 0, 0, 0xff, 0xff},
	};

	f.ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, CODE_AT, CODE_AT, 0, CODE_SIZE, CODE_SIZE, 16};
	f.ph[1] = (Elf64_Phdr){PT_LOAD, PF_R, FRAMES_AT, FRAMES_AT, 0, n, n, 16};
	f.ph[2] = (Elf64_Phdr){PT_GNU_EH_FRAME,
			       PF_R,
			       offsetof(struct elf_file_image, hdr),
			       offsetof(struct elf_file_image, hdr),
			       0,
			       sizeof(f.hdr),
			       sizeof(f.hdr),
			       4};
	f.sh[1] = (Elf64_Shdr){.sh_name = kind == IN_DEBUG_FRAME ? 11 : 1,
			       .sh_type = SHT_PROGBITS,
			       .sh_addr = kind == IN_DEBUG_FRAME ? 0 : FRAMES_AT,
			       .sh_offset = FRAMES_AT,
			       .sh_size = n};
	f.sh[2] = (Elf64_Shdr){.sh_name = 24,
			       .sh_type = SHT_STRTAB,
			       .sh_offset = offsetof(struct elf_file_image, names),
			       .sh_size = sizeof(f.names)};
	return f;
}

/* A memfd with such a file; @entry is an address, or 0. */
static inline int elf_file_make(enum frames_kind kind, const void *code, size_t code_size,
				const void *frames, size_t frames_size, uint64_t entry)
{
	struct elf_file_image f = elf_file_headers(kind, frames_size);
	int fd = memfd_create("elf-file", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, FRAMES_AT) < 0)
		abort();
	f.eh.e_entry = entry;
	elf_file_put(fd, 0, &f, sizeof(f));
	elf_file_put(fd, CODE_AT, code, code_size < CODE_SIZE ? code_size : CODE_SIZE);
	elf_file_put(fd, FRAMES_AT, frames, frames_size);
	return fd;
}

#endif /* KPPROF_TEST_ELF_FILE_H */
