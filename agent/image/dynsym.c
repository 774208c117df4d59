// SPDX-License-Identifier: GPL-2.0-or-later
#include "dynsym.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "elf.h"

enum {
	PHDRS_MAX = 1024,
	DYNAMIC_MAX = 4096, /* entries */
	SYMBOLS_MAX = 4 << 20,
	STRINGS_MAX = 256 << 20,
};

struct dynamic {
	uint64_t symtab;
	uint64_t strtab;
	uint64_t strsz;
	uint64_t hash;
	uint64_t gnu_hash;
};

/* Bytes at an address as linked. */
static int read_vaddr(const struct elf_image *img, uint64_t vaddr, void *to, size_t n)
{
	uint64_t offset;

	return elf_vaddr_to_offset(img, vaddr, &offset) ? elf_read_at(img, offset, to, n)
							: -EBADMSG;
}

static int find_dynamic(const struct elf_image *img, Elf64_Phdr *out)
{
	Elf64_Ehdr eh;
	int err = elf_read_at(img, 0, &eh, sizeof(eh));

	if (err || eh.e_phentsize != sizeof(*out) || eh.e_phnum > PHDRS_MAX)
		return -EBADMSG;
	for (uint64_t i = 0; i < eh.e_phnum; i++) {
		if (eh.e_phoff > img->size ||
		    elf_read_at(img, eh.e_phoff + i * sizeof(*out), out, sizeof(*out)))
			return -EBADMSG;
		if (out->p_type == PT_DYNAMIC)
			return 0;
	}
	return -ENOENT;
}

static void take_entry(struct dynamic *d, const Elf64_Dyn *e)
{
	switch (e->d_tag) {
	case DT_SYMTAB:
		d->symtab = e->d_un.d_ptr;
		break;
	case DT_STRTAB:
		d->strtab = e->d_un.d_ptr;
		break;
	case DT_STRSZ:
		d->strsz = e->d_un.d_val;
		break;
	case DT_HASH:
		d->hash = e->d_un.d_ptr;
		break;
	case DT_GNU_HASH:
		d->gnu_hash = e->d_un.d_ptr;
		break;
	}
}

static int read_dynamic(const struct elf_image *img, struct dynamic *d)
{
	Elf64_Phdr ph;
	int err = find_dynamic(img, &ph);

	if (err)
		return err;
	*d = (struct dynamic){0};
	for (uint64_t i = 0; i < DYNAMIC_MAX && (i + 1) * sizeof(Elf64_Dyn) <= ph.p_filesz; i++) {
		Elf64_Dyn e;

		if (ph.p_offset > img->size ||
		    elf_read_at(img, ph.p_offset + i * sizeof(e), &e, sizeof(e)))
			return -EBADMSG;
		if (e.d_tag == DT_NULL)
			break;
		take_entry(d, &e);
	}
	return d->symtab && d->strtab && d->strsz ? 0 : -ENOENT;
}

/* The chain of the highest symbol in a bucket ends with an odd hash. */
static int chain_end(const struct elf_image *img, uint64_t chains, uint32_t first, uint32_t *at)
{
	uint32_t hash;

	if (*at < first)
		return 0;
	for (; *at < SYMBOLS_MAX; (*at)++) {
		int err =
			read_vaddr(img, chains + 4 * (uint64_t)(*at - first), &hash, sizeof(hash));

		if (err)
			return err;
		if (hash & 1)
			break;
	}
	(*at)++;
	return 0;
}

/* .gnu.hash: nbuckets, first symbol, words of the filter, shift, filter, buckets, chains. */
static int count_gnu(const struct elf_image *img, uint64_t vaddr, uint32_t *n)
{
	_cleanup_free_ uint32_t *buckets = NULL;
	uint32_t head[4];
	uint64_t at;
	int err = read_vaddr(img, vaddr, head, sizeof(head));

	if (err || head[0] > SYMBOLS_MAX || head[2] > SYMBOLS_MAX)
		return -EBADMSG;
	at = vaddr + sizeof(head) + 8 * (uint64_t)head[2];
	buckets = calloc(head[0] ? head[0] : 1, sizeof(*buckets));
	if (!buckets)
		return -ENOMEM;
	err = read_vaddr(img, at, buckets, head[0] * sizeof(*buckets));
	*n = 0;
	for (uint32_t i = 0; !err && i < head[0]; i++)
		if (buckets[i] > *n)
			*n = buckets[i];
	return err ? err : chain_end(img, at + head[0] * sizeof(*buckets), head[1], n);
}

/* .hash: nbuckets, nchain; there is one chain entry for each symbol. */
static int count_sysv(const struct elf_image *img, uint64_t vaddr, uint32_t *n)
{
	uint32_t head[2];
	int err = read_vaddr(img, vaddr, head, sizeof(head));

	*n = head[1];
	return err;
}

static int count_symbols(const struct elf_image *img, const struct dynamic *d, uint32_t *n)
{
	int err = -ENOENT;

	if (d->hash)
		err = count_sysv(img, d->hash, n);
	else if (d->gnu_hash)
		err = count_gnu(img, d->gnu_hash, n);
	return !err && *n > SYMBOLS_MAX ? -EBADMSG : err;
}

static int copy_table(const struct elf_image *img, uint64_t vaddr, size_t size, void *out)
{
	_cleanup_free_ void *data = NULL;
	int err;

	if (size > img->size)
		return -EBADMSG;
	data = malloc(size ? size : 1);
	if (!data)
		return -ENOMEM;
	err = read_vaddr(img, vaddr, data, size);
	if (!err)
		*(void **)out = take_ptr(data);
	return err;
}

int dynsym_read(const struct elf_image *img, struct dynsym *out)
{
	struct dynamic d;
	uint32_t n = 0;
	int err = read_dynamic(img, &d);

	*out = (struct dynsym){0};
	if (!err)
		err = count_symbols(img, &d, &n);
	if (!err && d.strsz > STRINGS_MAX)
		err = -EBADMSG;
	if (err)
		return err;
	out->symbols_size = n * sizeof(Elf64_Sym);
	out->strings_size = d.strsz;
	err = copy_table(img, d.symtab, out->symbols_size, &out->symbols);
	if (!err)
		err = copy_table(img, d.strtab, out->strings_size, &out->strings);
	if (err) {
		free(out->symbols);
		*out = (struct dynsym){0};
	}
	return err;
}
