// SPDX-License-Identifier: GPL-2.0-or-later
#include "elf.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "../base/cleanup.h"

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#error "unknown machine"
#endif

/* More than any linker writes; libelf allocates for each section before it looks at it. */
enum { MAX_SECTIONS = 1 << 17, MAX_NAMES = 16 << 20 };
/* Notes: how many bytes of one note section are read. */
enum { MAX_NOTES = 64 << 10 };

/* A section's bytes, once they were asked for. */
struct elf_bytes {
	uint8_t *data;
	size_t size;
};

static bool in_file(const struct elf_image *img, uint64_t offset, uint64_t n)
{
	return offset <= img->size && n <= img->size - offset;
}

int elf_read_at(const struct elf_image *img, uint64_t offset, void *to, size_t n)
{
	char *p = to;

	if (!in_file(img, offset, n) || offset + n > INT64_MAX)
		return -EBADMSG;
	while (n) {
		ssize_t got = pread(img->fd, p, n, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		/* Shorter than it was when it was opened. */
		if (got == 0)
			return -EBADMSG;
		p += got;
		offset += (uint64_t)got;
		n -= (size_t)got;
	}
	return 0;
}

/* Reads @count records of @size bytes into new memory. */
static int read_table(const struct elf_image *img, uint64_t offset, size_t count, size_t size,
		      void *out)
{
	_cleanup_free_ void *table = NULL;
	int err;

	if (!in_file(img, offset, (uint64_t)count * size))
		return -EBADMSG;
	table = malloc(count * size + 1);
	if (!table)
		return -ENOMEM;
	err = elf_read_at(img, offset, table, count * size);
	if (!err)
		*(void **)out = take_ptr(table);
	return err;
}

static int read_header(struct elf_image *img, Elf64_Ehdr *eh)
{
	struct stat st;
	int err;

	if (fstat(img->fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || st.st_size < EI_NIDENT)
		return -ENOEXEC;
	img->size = (uint64_t)st.st_size;
	err = elf_read_at(img, 0, eh->e_ident, EI_NIDENT);
	if (err)
		return err;
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB)
		return -ENOEXEC;
	err = elf_read_at(img, 0, eh, sizeof(*eh));
	if (err)
		return err;
	if (eh->e_machine != NATIVE_MACHINE ||
	    (eh->e_type != ET_EXEC && eh->e_type != ET_DYN && eh->e_type != ET_REL))
		return -ENOEXEC;
	img->machine = eh->e_machine;
	img->type = eh->e_type;
	img->entry = eh->e_entry;
	return 0;
}

static struct elf_segment segment_of(const Elf64_Phdr *ph)
{
	return (struct elf_segment){ph->p_offset, ph->p_filesz, ph->p_vaddr, ph->p_memsz,
				    ph->p_flags};
}

static bool segment_overflows(const Elf64_Phdr *ph)
{
	return ph->p_offset + ph->p_filesz < ph->p_offset ||
	       ph->p_vaddr + ph->p_memsz < ph->p_vaddr || ph->p_filesz > ph->p_memsz;
}

static int add_segment(struct elf_image *img, const Elf64_Phdr *ph)
{
	switch (ph->p_type) {
	case PT_LOAD:
		if (segment_overflows(ph))
			return -EBADMSG;
		img->segments[img->nsegments++] = segment_of(ph);
		return 0;
	case PT_GNU_EH_FRAME:
		if (!segment_overflows(ph))
			img->eh_frame_hdr = segment_of(ph);
		return 0;
	case PT_INTERP:
		img->has_interp = true;
		return 0;
	default:
		return 0;
	}
}

static int read_segments(struct elf_image *img, const Elf64_Ehdr *eh, const Elf64_Phdr *ph)
{
	int err = 0;

	img->segments = calloc((size_t)eh->e_phnum + 1, sizeof(*img->segments));
	if (!img->segments)
		return -ENOMEM;
	for (size_t i = 0; i < eh->e_phnum && !err; i++)
		err = add_segment(img, &ph[i]);
	return err;
}

static bool segments_are_cut(const struct elf_image *img)
{
	for (size_t i = 0; i < img->nsegments; i++)
		if (!in_file(img, img->segments[i].offset, img->segments[i].filesz))
			return true;
	return false;
}

/* How many section headers there are: 0 for none, or none that can be used. */
static int count_sections(const struct elf_image *img, const Elf64_Ehdr *eh, size_t *count)
{
	uint64_t n = eh->e_shnum;
	Elf64_Shdr first;
	int err;

	*count = 0;
	if (!eh->e_shoff || eh->e_shentsize != sizeof(first))
		return 0;
	if (!n) {
		err = elf_read_at(img, eh->e_shoff, &first, sizeof(first));
		if (err)
			return err;
		n = first.sh_size;
	}
	if (n > MAX_SECTIONS || !in_file(img, eh->e_shoff, n * sizeof(first)))
		return -EBADMSG;
	*count = n;
	return 0;
}

/* Section names, with a NUL behind them; "" when they cannot be read. */
static int read_names(struct elf_image *img, const Elf64_Ehdr *eh, const Elf64_Shdr *sh, size_t n,
		      size_t *size)
{
	size_t ndx = eh->e_shstrndx == SHN_XINDEX ? sh[0].sh_link : eh->e_shstrndx;
	int err = -EBADMSG;

	*size = 0;
	if (ndx < n && sh[ndx].sh_type == SHT_STRTAB && sh[ndx].sh_size <= MAX_NAMES)
		err = read_table(img, sh[ndx].sh_offset, sh[ndx].sh_size, 1, &img->names);
	if (!err)
		*size = sh[ndx].sh_size;
	else if (err != -ENOMEM)
		img->names = calloc(1, 1);
	if (!img->names)
		return -ENOMEM;
	img->names[*size] = '\0';
	return 0;
}

static int read_sections(struct elf_image *img, const Elf64_Ehdr *eh, size_t n)
{
	_cleanup_free_ Elf64_Shdr *sh = NULL;
	size_t names_size;
	int err;

	err = read_table(img, eh->e_shoff, n, sizeof(*sh), &sh);
	if (!err)
		err = read_names(img, eh, sh, n, &names_size);
	if (err)
		return err;
	img->sections = calloc(n, sizeof(*img->sections));
	img->bytes = calloc(n, sizeof(*img->bytes));
	if (!img->sections || !img->bytes)
		return -ENOMEM;
	for (size_t i = 1; i < n; i++) {
		const Elf64_Shdr *s = &sh[i];

		if (s->sh_type == SHT_NULL || s->sh_addr + s->sh_size < s->sh_addr ||
		    (s->sh_type != SHT_NOBITS && !in_file(img, s->sh_offset, s->sh_size)))
			continue;
		img->sections[img->nsections++] = (struct elf_section){
			.name = img->names + (s->sh_name < names_size ? s->sh_name : names_size),
			.type = s->sh_type,
			.link = s->sh_link,
			.flags = s->sh_flags,
			.addr = s->sh_addr,
			.offset = s->sh_offset,
			.size = s->sh_size,
			.entsize = s->sh_entsize,
			.align = s->sh_addralign,
			.index = i,
		};
	}
	return 0;
}

/*
 * libelf's handle. When the section headers are not usable libelf must not see them either: it then
 * gets a header that has none.
 */
static int open_libelf(struct elf_image *img, const Elf64_Ehdr *eh, bool with_sections)
{
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOEXEC;
	if (with_sections) {
		img->elf = elf_begin(img->fd, ELF_C_READ, NULL);
	} else {
		Elf64_Ehdr *bare = malloc(sizeof(*bare));

		if (!bare)
			return -ENOMEM;
		*bare = *eh;
		bare->e_phoff = bare->e_shoff = 0;
		bare->e_phnum = bare->e_shnum = bare->e_shstrndx = 0;
		img->bare = bare;
		img->elf = elf_memory(img->bare, sizeof(*bare));
	}
	return img->elf && elf_kind(img->elf) == ELF_K_ELF ? 0 : -EBADMSG;
}

static size_t align_up(size_t n, size_t to)
{
	return (n + to - 1) & ~(to - 1);
}

static bool is_build_id(const Elf64_Nhdr *n, const uint8_t *name)
{
	return n->n_type == NT_GNU_BUILD_ID && n->n_namesz == sizeof(ELF_NOTE_GNU) &&
	       memcmp(name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 && n->n_descsz &&
	       n->n_descsz <= ELF_BUILD_ID_MAX;
}

static void find_build_id(struct elf_image *img, uint64_t offset, uint64_t size, uint64_t align)
{
	_cleanup_free_ uint8_t *d = NULL;
	size_t at = 0, to = align == 8 ? 8 : 4;
	Elf64_Nhdr n;

	if (img->build_id_len || size > MAX_NOTES || read_table(img, offset, size, 1, &d) != 0)
		return;
	while (size - at >= sizeof(n)) {
		size_t name = at + sizeof(n), desc, end;

		memcpy(&n, d + at, sizeof(n));
		/* Each is at most 32 bits: the sums do not overflow. */
		desc = align_up(name + n.n_namesz, to);
		end = desc + n.n_descsz;
		if (end > size)
			return;
		if (is_build_id(&n, d + name)) {
			memcpy(img->build_id, d + desc, n.n_descsz);
			img->build_id_len = n.n_descsz;
			return;
		}
		at = align_up(end, to);
		if (at > size)
			return;
	}
}

/* Sections first: in a separate debug file the program headers speak of another file. */
static void read_build_id(struct elf_image *img, const Elf64_Ehdr *eh, const Elf64_Phdr *ph)
{
	for (size_t i = 0; i < img->nsections; i++)
		if (img->sections[i].type == SHT_NOTE)
			find_build_id(img, img->sections[i].offset, img->sections[i].size,
				      img->sections[i].align);
	for (size_t i = 0; i < eh->e_phnum; i++)
		if (ph[i].p_type == PT_NOTE)
			find_build_id(img, ph[i].p_offset, ph[i].p_filesz, ph[i].p_align);
}

/* .gnu_debuglink is a name, NUL, padding to four bytes, and the CRC. */
static void read_debuglink(struct elf_image *img)
{
	const struct elf_section *sec = elf_section_find(img, ".gnu_debuglink");
	const uint8_t *data;
	size_t size, len;

	if (!sec || elf_section_read(img, sec, 4096, &data, &size) != 0)
		return;
	len = strnlen((const char *)data, size);
	if (len >= sizeof(img->debuglink) || align_up(len + 1, 4) + 4 > size)
		return;
	memcpy(img->debuglink, data, len + 1);
	memcpy(&img->debuglink_crc, data + align_up(len + 1, 4), 4);
}

static int read_image(struct elf_image *img)
{
	_cleanup_free_ Elf64_Phdr *ph = NULL;
	Elf64_Ehdr eh;
	size_t nsec;
	int err;

	err = read_header(img, &eh);
	if (err)
		return err;
	if (eh.e_phnum == PN_XNUM || (eh.e_phnum && eh.e_phentsize != sizeof(*ph)))
		return -EBADMSG;
	err = read_table(img, eh.e_phnum ? eh.e_phoff : 0, eh.e_phnum, sizeof(*ph), &ph);
	if (!err)
		err = read_segments(img, &eh, ph);
	if (err)
		return err;
	err = count_sections(img, &eh, &nsec);
	/* A program that is all there runs, whatever stands in its header about sections. */
	if (err == -EBADMSG && img->nsegments && !segments_are_cut(img))
		err = 0;
	if (!err && nsec)
		err = read_sections(img, &eh, nsec);
	if (!err)
		err = open_libelf(img, &eh, nsec > 0);
	if (err)
		return err;
	read_build_id(img, &eh, ph);
	read_debuglink(img);
	return 0;
}

int elf_image_open(int fd, struct elf_image **out)
{
	_cleanup_elf_ struct elf_image *img = calloc(1, sizeof(*img));
	int err;

	if (!img)
		return -ENOMEM;
	img->fd = fd;
	err = read_image(img);
	if (!err)
		*out = take_ptr(img);
	return err;
}

void elf_image_close(struct elf_image *img)
{
	if (!img)
		return;
	elf_end(img->elf);
	for (size_t i = 0; i < img->nsections; i++)
		free(img->bytes[i].data);
	free(img->bytes);
	free(img->bare);
	free(img->names);
	free(img->sections);
	free(img->segments);
	free(img);
}

const struct elf_section *elf_section_find(const struct elf_image *img, const char *name)
{
	for (size_t i = 0; i < img->nsections; i++)
		if (strcmp(img->sections[i].name, name) == 0)
			return &img->sections[i];
	return NULL;
}

/* An SHF_COMPRESSED section begins with an Elf64_Chdr. */
static int decompress(const uint8_t *data, size_t size, size_t max, struct elf_bytes *out)
{
	_cleanup_free_ uint8_t *to = NULL;
	Elf64_Chdr ch;
	uLongf got;

	if (size < sizeof(ch))
		return -EBADMSG;
	memcpy(&ch, data, sizeof(ch));
	if (ch.ch_type != ELFCOMPRESS_ZLIB)
		return -EBADMSG;
	if (ch.ch_size > max)
		return -EFBIG;
	to = malloc(ch.ch_size + 1);
	if (!to)
		return -ENOMEM;
	got = ch.ch_size;
	if (uncompress(to, &got, data + sizeof(ch), size - sizeof(ch)) != Z_OK || got != ch.ch_size)
		return -EBADMSG;
	*out = (struct elf_bytes){take_ptr(to), got};
	return 0;
}

static int load_section(struct elf_image *img, const struct elf_section *sec, size_t max,
			struct elf_bytes *out)
{
	_cleanup_free_ uint8_t *raw = NULL;
	int err;

	if (sec->size > max)
		return -EFBIG;
	err = read_table(img, sec->offset, sec->size, 1, &raw);
	if (err)
		return err == -ENOMEM ? err : -EBADMSG;
	if (sec->flags & SHF_COMPRESSED)
		return decompress(raw, sec->size, max, out);
	*out = (struct elf_bytes){take_ptr(raw), sec->size};
	return 0;
}

int elf_section_read(struct elf_image *img, const struct elf_section *sec, size_t max,
		     const uint8_t **data, size_t *size)
{
	struct elf_bytes *b = &img->bytes[sec - img->sections];
	int err;

	if (sec->type == SHT_NOBITS)
		return -ENODATA;
	if (!b->data) {
		err = load_section(img, sec, max, b);
		if (err)
			return err;
	}
	if (b->size > max)
		return -EFBIG;
	*data = b->data;
	*size = b->size;
	return 0;
}

bool elf_offset_to_vaddr(const struct elf_image *img, uint64_t offset, uint64_t *vaddr)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (offset - s->offset < s->filesz && offset >= s->offset) {
			*vaddr = offset - s->offset + s->vaddr;
			return true;
		}
	}
	return false;
}

bool elf_vaddr_to_offset(const struct elf_image *img, uint64_t vaddr, uint64_t *offset)
{
	for (size_t i = 0; i < img->nsegments; i++) {
		const struct elf_segment *s = &img->segments[i];

		if (vaddr - s->vaddr < s->filesz && vaddr >= s->vaddr) {
			*offset = vaddr - s->vaddr + s->offset;
			return true;
		}
	}
	return false;
}
