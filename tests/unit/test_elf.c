// SPDX-License-Identifier: GPL-2.0-or-later
/* agent/image/elf: files that are sound, and files that are not. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <zlib.h>

#include "../../agent/base/buf.h"
#include "../../agent/base/cleanup.h"
#include "../../agent/image/elf.h"
#include "../../agent/image/rows.h"
#include "../lib/elf_file.h"

static const char names[] =
	"\0.text\0.note.gnu.build-id\0.gnu_debuglink\0.debug_x\0.bss\0.shstrtab";
enum {
	NAME_TEXT = 1,
	NAME_NOTE = 7,
	NAME_LINK = 26,
	NAME_X = 41,
	NAME_BSS = 50,
	NAME_NAMES = 55,
	NSECTIONS = 7
};

static const uint8_t build_id[20] = {1,	 2,  3,	 4,  5,	 6,  7,	 8,  9,	 10,
				     11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

/* A whole file, in the order of its bytes; the sections' headers come last. */
struct whole {
	Elf64_Ehdr eh;
	Elf64_Phdr ph[2];
	struct {
		Elf64_Nhdr other;
		char other_name[4];
		uint8_t other_desc[4];
		Elf64_Nhdr id;
		char id_name[4];
		uint8_t id_desc[20];
	} notes;
	struct {
		char name[12];
		uint32_t crc;
	} link;
	char names[sizeof(names)];
	uint8_t text[64];
	Elf64_Chdr ch;
	uint8_t z[64];
	Elf64_Shdr sh[NSECTIONS];
};

static Elf64_Shdr section(uint32_t name, uint32_t type, size_t offset, size_t size)
{
	return (Elf64_Shdr){.sh_name = name, .sh_type = type, .sh_offset = offset, .sh_size = size};
}

static struct whole make_whole(void)
{
	struct whole f = {
		.eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
		       .e_type = ET_DYN,
		       .e_machine = EM_X86_64,
		       .e_entry = 0x400010,
		       .e_phoff = offsetof(struct whole, ph),
		       .e_phentsize = sizeof(Elf64_Phdr),
		       .e_phnum = 2,
		       .e_shoff = offsetof(struct whole, sh),
		       .e_shentsize = sizeof(Elf64_Shdr),
		       .e_shnum = NSECTIONS,
		       .e_shstrndx = NSECTIONS - 1},
		.notes = {.other = {4, 4, 1},
			  .other_name = "GNU",
			  .id = {4, sizeof(build_id), NT_GNU_BUILD_ID},
			  .id_name = "GNU"},
		.link = {"prog.debug", 0x12345678},
		.ch = {.ch_type = ELFCOMPRESS_ZLIB, .ch_size = 1000},
	};
	uLongf zsize = sizeof(f.z);
	uint8_t plain[1000];

	memset(plain, 'x', sizeof(plain));
	assert_int_equal(compress(f.z, &zsize, plain, sizeof(plain)), Z_OK);
	memcpy(f.notes.id_desc, build_id, sizeof(build_id));
	memcpy(f.names, names, sizeof(names));
	f.ph[0] = (Elf64_Phdr){PT_LOAD, PF_R | PF_X, offsetof(struct whole, text), 0x400000, 0, 64,
			       128,	16};
	f.ph[1] = (Elf64_Phdr){
		PT_NOTE,	 PF_R, offsetof(struct whole, notes), 0, 0, sizeof(f.notes),
		sizeof(f.notes), 4};
	f.sh[1] = section(NAME_TEXT, SHT_PROGBITS, offsetof(struct whole, text), 64);
	f.sh[1].sh_addr = 0x400000;
	f.sh[2] = section(NAME_NOTE, SHT_NOTE, offsetof(struct whole, notes), sizeof(f.notes));
	f.sh[3] = section(NAME_LINK, SHT_PROGBITS, offsetof(struct whole, link), sizeof(f.link));
	f.sh[4] = section(NAME_X, SHT_PROGBITS, offsetof(struct whole, ch), sizeof(f.ch) + zsize);
	f.sh[4].sh_flags = SHF_COMPRESSED;
	f.sh[5] = section(NAME_BSS, SHT_NOBITS, 0xffffffff, 0xffffffff);
	f.sh[6] = section(NAME_NAMES, SHT_STRTAB, offsetof(struct whole, names), sizeof(names));
	return f;
}

static int make_fd(const void *data, size_t n)
{
	int fd = memfd_create("elf", MFD_CLOEXEC);

	assert_true(fd >= 0);
	elf_file_put(fd, 0, data, n);
	return fd;
}

/* Opens and closes; when it opens, everything in it is asked for once. */
static int try_open(const void *data, size_t n)
{
	_cleanup_close_ int fd = make_fd(data, n);
	_cleanup_elf_ struct elf_image *img = NULL;
	const uint8_t *bytes;
	size_t size;
	int err = elf_image_open(fd, &img);

	for (size_t i = 0; !err && i < img->nsections; i++) {
		assert_non_null(img->sections[i].name);
		if (elf_section_read(img, &img->sections[i], 1 << 20, &bytes, &size) == 0)
			assert_non_null(bytes);
	}
	return err;
}

static void test_whole(void **state)
{
	struct whole f = make_whole();
	_cleanup_close_ int fd = make_fd(&f, sizeof(f));
	_cleanup_elf_ struct elf_image *img = NULL;

	(void)state;
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(img->machine, EM_X86_64);
	assert_int_equal(img->type, ET_DYN);
	assert_int_equal(img->entry, 0x400010);
	assert_int_equal(img->nsegments, 1);
	assert_int_equal(img->segments[0].vaddr, 0x400000);
	assert_int_equal(img->segments[0].memsz, 128);
	assert_int_equal(img->nsections, NSECTIONS - 1);
	assert_int_equal(img->build_id_len, sizeof(build_id));
	assert_memory_equal(img->build_id, build_id, sizeof(build_id));
	assert_string_equal(img->debuglink, "prog.debug");
	assert_int_equal(img->debuglink_crc, 0x12345678);
	assert_false(img->has_interp);
	assert_non_null(img->elf);
	assert_null(elf_section_find(img, ".symtab"));
	assert_int_equal(elf_section_find(img, ".text")->index, 1);
}

static void test_section_bytes(void **state)
{
	struct whole f = make_whole();
	_cleanup_close_ int fd = make_fd(&f, sizeof(f));
	_cleanup_elf_ struct elf_image *img = NULL;
	const struct elf_section *x, *text;
	const uint8_t *data, *again;
	size_t size;

	(void)state;
	assert_int_equal(elf_image_open(fd, &img), 0);
	text = elf_section_find(img, ".text");
	assert_int_equal(elf_section_read(img, text, 63, &data, &size), -EFBIG);
	assert_int_equal(elf_section_read(img, text, 64, &data, &size), 0);
	assert_int_equal(size, 64);
	assert_int_equal(elf_section_read(img, text, 64, &again, &size), 0);
	assert_ptr_equal(data, again);
	assert_int_equal(elf_section_read(img, text, 63, &again, &size), -EFBIG);
	x = elf_section_find(img, ".debug_x");
	assert_int_equal(elf_section_read(img, x, 999, &data, &size), -EFBIG);
	assert_int_equal(elf_section_read(img, x, 1000, &data, &size), 0);
	assert_int_equal(size, 1000);
	assert_true(data[0] == 'x' && data[999] == 'x');
	assert_int_equal(
		elf_section_read(img, elf_section_find(img, ".bss"), SIZE_MAX, &data, &size),
		-ENODATA);
}

static void test_damaged_compression(void **state)
{
	struct whole good = make_whole();
	const uint8_t *data;
	size_t size;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct whole f = good;
		_cleanup_elf_ struct elf_image *img = NULL;
		_cleanup_close_ int fd = -1;

		if (i == 0)
			f.ch.ch_size = 999;
		else if (i == 1)
			f.ch.ch_size = 1001;
		else if (i == 2)
			f.ch.ch_type = 77;
		else
			f.sh[4].sh_size = sizeof(f.ch) - 1;
		fd = make_fd(&f, sizeof(f));
		assert_int_equal(elf_image_open(fd, &img), 0);
		assert_int_equal(elf_section_read(img, elf_section_find(img, ".debug_x"), 1 << 20,
						  &data, &size),
				 -EBADMSG);
	}
}

static void test_addresses(void **state)
{
	struct whole f = make_whole();
	_cleanup_close_ int fd = make_fd(&f, sizeof(f));
	_cleanup_elf_ struct elf_image *img = NULL;
	const uint64_t at = offsetof(struct whole, text);
	uint64_t v;

	(void)state;
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_true(elf_offset_to_vaddr(img, at + 63, &v) && v == 0x40003f);
	assert_false(elf_offset_to_vaddr(img, at + 64, &v));
	assert_false(elf_offset_to_vaddr(img, at - 1, &v));
	assert_true(elf_vaddr_to_offset(img, 0x400000, &v) && v == at);
	assert_false(elf_vaddr_to_offset(img, 0x400040, &v));
	assert_false(elf_vaddr_to_offset(img, 0x3fffff, &v));
	assert_false(elf_vaddr_to_offset(img, UINT64_MAX, &v));
}

static void test_others(void **state)
{
	struct whole f;

	(void)state;
	assert_int_equal(try_open("", 0), -ENOEXEC);
	assert_int_equal(try_open("#!/bin/sh\necho this is no ELF file at all\n", 42), -ENOEXEC);
	f = make_whole();
	f.eh.e_ident[EI_CLASS] = ELFCLASS32;
	assert_int_equal(try_open(&f, sizeof(f)), -ENOEXEC);
	f = make_whole();
	f.eh.e_ident[EI_DATA] = ELFDATA2MSB;
	assert_int_equal(try_open(&f, sizeof(f)), -ENOEXEC);
	f = make_whole();
	f.eh.e_machine = EM_S390;
	assert_int_equal(try_open(&f, sizeof(f)), -ENOEXEC);
	f = make_whole();
	f.eh.e_type = ET_CORE;
	assert_int_equal(try_open(&f, sizeof(f)), -ENOEXEC);
}

static void test_no_file(void **state)
{
	_cleanup_close_ int dir = open("/", O_RDONLY | O_CLOEXEC);
	struct elf_image *img = NULL;
	int pipe_fds[2];

	(void)state;
	assert_int_equal(elf_image_open(dir, &img), -ENOEXEC);
	assert_int_equal(elf_image_open(-1, &img), -EBADF);
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(elf_image_open(pipe_fds[0], &img), -ENOEXEC);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	assert_null(img);
	elf_image_close(NULL);
}

/* Cut anywhere. What is loaded is all there from the end of the text on. */
static void test_cut(void **state)
{
	struct whole f = make_whole();
	size_t text_end = offsetof(struct whole, text) + sizeof(f.text);

	(void)state;
	for (size_t n = 0; n < sizeof(f); n++) {
		int err = try_open(&f, n);

		if (n < EI_NIDENT)
			assert_int_equal(err, -ENOEXEC);
		else
			assert_int_equal(err, n < text_end ? -EBADMSG : 0);
	}
}

/* Without section headers, as sstrip leaves it, or with a table that is not in the file. */
static void test_no_sections(void **state)
{
	static const uint64_t places[] = {0, sizeof(struct whole) - 1, UINT64_MAX, UINT64_MAX - 63};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		struct whole f = make_whole();
		_cleanup_elf_ struct elf_image *img = NULL;
		_cleanup_close_ int fd = -1;

		f.eh.e_shoff = places[i];
		fd = make_fd(&f, sizeof(f));
		assert_int_equal(elf_image_open(fd, &img), 0);
		assert_int_equal(img->nsections, 0);
		assert_int_equal(img->nsegments, 1);
		assert_int_equal(img->build_id_len, sizeof(build_id));
		assert_non_null(img->elf);
	}
}

/* So many sections that e_shnum does not hold the number. */
static void test_extended_numbering(void **state)
{
	struct whole f = make_whole();

	(void)state;
	f.eh.e_shnum = 0;
	f.eh.e_shstrndx = SHN_XINDEX;
	f.sh[0].sh_size = NSECTIONS;
	f.sh[0].sh_link = NSECTIONS - 1;
	{
		_cleanup_close_ int fd = make_fd(&f, sizeof(f));
		_cleanup_elf_ struct elf_image *img = NULL;

		assert_int_equal(elf_image_open(fd, &img), 0);
		assert_non_null(elf_section_find(img, ".text"));
	}
	f.sh[0].sh_size = UINT64_MAX / sizeof(Elf64_Shdr) + 2;
	assert_int_equal(try_open(&f, sizeof(f)), 0);
	f.sh[0].sh_size = UINT32_MAX;
	assert_int_equal(try_open(&f, sizeof(f)), 0);
}

static void test_overflows(void **state)
{
	struct whole f;

	(void)state;
	f = make_whole();
	f.eh.e_phoff = UINT64_MAX;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
	f = make_whole();
	f.eh.e_phnum = PN_XNUM;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
	f = make_whole();
	f.eh.e_phentsize = 1;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
	f = make_whole();
	f.ph[0].p_offset = UINT64_MAX - 8;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
	f = make_whole();
	f.ph[0].p_vaddr = UINT64_MAX - 8;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
	f = make_whole();
	f.ph[0].p_filesz = 4096;
	assert_int_equal(try_open(&f, sizeof(f)), -EBADMSG);
}

/* One bad section does not spoil the others. */
static void test_bad_sections(void **state)
{
	struct whole f = make_whole();
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_close_ int fd = -1;

	(void)state;
	f.sh[1].sh_offset = UINT64_MAX;
	f.sh[2].sh_size = UINT64_MAX;
	f.sh[3].sh_name = UINT32_MAX;
	f.sh[4].sh_addr = UINT64_MAX;
	f.ph[1].p_filesz = UINT64_MAX;
	fd = make_fd(&f, sizeof(f));
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(img->nsections, 3);
	assert_string_equal(img->sections[0].name, "");
	assert_int_equal(img->build_id_len, 0);
	assert_string_equal(img->debuglink, "");
}

static void test_bad_notes(void **state)
{
	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct whole f = make_whole();
		_cleanup_elf_ struct elf_image *img = NULL;
		_cleanup_close_ int fd = -1;

		f.notes.other.n_namesz = i == 0 ? UINT32_MAX : 4;
		f.notes.other.n_descsz = i == 1 ? UINT32_MAX - 2 : 4;
		f.notes.id.n_descsz = i == 2 ? 21 : i == 3 ? 0 : 20;
		f.notes.id.n_namesz = i == 4 ? 3 : 4;
		f.notes.id.n_type = i == 5 ? NT_GNU_ABI_TAG : NT_GNU_BUILD_ID;
		fd = make_fd(&f, sizeof(f));
		assert_int_equal(elf_image_open(fd, &img), 0);
		assert_int_equal(img->build_id_len, 0);
	}
}

/* Every byte of the headers, set to what is likely to hurt. */
static void test_any_byte(void **state)
{
	static const uint8_t values[] = {0, 1, 0x7f, 0x80, 0xff};
	struct whole good = make_whole();

	(void)state;
	for (size_t i = 0; i < sizeof(good); i++) {
		if (i == offsetof(struct whole, text))
			i = offsetof(struct whole, ch);
		for (size_t k = 0; k < sizeof(values); k++) {
			struct whole f = good;
			int err;

			((uint8_t *)&f)[i] = values[k];
			err = try_open(&f, sizeof(f));
			assert_true(err == 0 || err == -ENOEXEC || err == -EBADMSG);
		}
	}
}

static void test_shrinks(void **state)
{
	struct whole f = make_whole();
	_cleanup_close_ int fd = make_fd(&f, sizeof(f));
	_cleanup_elf_ struct elf_image *img = NULL;
	const uint8_t *data;
	char byte;
	size_t size;

	(void)state;
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(elf_read_at(img, sizeof(f) - 1, &byte, 1), 0);
	assert_int_equal(elf_read_at(img, sizeof(f), &byte, 1), -EBADMSG);
	assert_int_equal(elf_read_at(img, UINT64_MAX, &byte, 1), -EBADMSG);
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(elf_read_at(img, sizeof(f) - 1, &byte, 1), -EBADMSG);
	assert_int_equal(elf_section_read(img, elf_section_find(img, ".text"), 64, &data, &size),
			 -EBADMSG);
}

static bool find_vdso(uintptr_t *start, uintptr_t *end)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]"))
			return sscanf(line, "%" SCNxPTR "-%" SCNxPTR, start, end) == 2;
	return false;
}

/* A copy of the vdso, which is no file. */
static void test_vdso(void **state)
{
	_cleanup_elf_ struct elf_image *img = NULL;
	_cleanup_buf_ struct buf block = {0};
	_cleanup_close_ int fd = -1;
	struct kpprof_rows rows;
	uintptr_t start, end;

	(void)state;
	if (!find_vdso(&start, &end))
		skip();
	fd = make_fd((const void *)start, end - start);
	assert_int_equal(elf_image_open(fd, &img), 0);
	assert_int_equal(img->nsegments, 1);
	assert_int_equal(rows_build(img, &block), 0);
	assert_int_equal(rows_map(block.data, block.len, &rows), 0);
	assert_true(rows.nrows > 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_section_bytes),
		cmocka_unit_test(test_damaged_compression),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_no_file),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_no_sections),
		cmocka_unit_test(test_extended_numbering),
		cmocka_unit_test(test_overflows),
		cmocka_unit_test(test_bad_sections),
		cmocka_unit_test(test_bad_notes),
		cmocka_unit_test(test_any_byte),
		cmocka_unit_test(test_shrinks),
		cmocka_unit_test(test_vdso),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
