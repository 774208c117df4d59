// SPDX-License-Identifier: GPL-2.0-or-later
#include "plt.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "elf.h"

enum { TABLE_MAX = 192 << 20, SLOTS_MAX = 1 << 20 };

static int compare(const void *a, const void *b)
{
	const struct plt_slot *x = a, *y = b;

	return x->slot < y->slot ? -1 : x->slot > y->slot;
}

static void add_relocations(const uint8_t *data, size_t size, const uint8_t *syms, size_t syms_size,
			    struct buf *out)
{
	for (size_t at = 0; at + sizeof(Elf64_Rela) <= size; at += sizeof(Elf64_Rela)) {
		struct plt_slot slot;
		Elf64_Rela r;
		Elf64_Sym s;
		uint64_t sym;

		memcpy(&r, data + at, sizeof(r));
		if (ELF64_R_TYPE(r.r_info) != R_X86_64_JUMP_SLOT &&
		    ELF64_R_TYPE(r.r_info) != R_X86_64_GLOB_DAT)
			continue;
		sym = ELF64_R_SYM(r.r_info);
		if (sym >= syms_size / sizeof(s) || out->len / sizeof(slot) >= SLOTS_MAX)
			continue;
		memcpy(&s, syms + sym * sizeof(s), sizeof(s));
		if (s.st_shndx == SHN_UNDEF || ELF64_ST_TYPE(s.st_info) != STT_FUNC)
			continue;
		slot = (struct plt_slot){.slot = r.r_offset, .function = s.st_value};
		buf_append(out, &slot, sizeof(slot));
	}
}

int plt_read(struct elf_image *img, struct buf *out)
{
	static const char *const names[] = {".rela.plt", ".rela.dyn"};
	const struct elf_section *dynsym = elf_section_find(img, ".dynsym");
	const uint8_t *syms, *data;
	size_t syms_size, size;
	int err = dynsym ? elf_section_read(img, dynsym, TABLE_MAX, &syms, &syms_size) : -ENODATA;

	for (size_t i = 0; !err && i < sizeof(names) / sizeof(names[0]); i++) {
		const struct elf_section *sec = elf_section_find(img, names[i]);

		if (!sec)
			continue;
		err = elf_section_read(img, sec, TABLE_MAX, &data, &size);
		if (!err)
			add_relocations(data, size, syms, syms_size, out);
	}
	if (err == -ENOMEM || out->error)
		return -ENOMEM;
	if (out->len)
		qsort(out->data, out->len / sizeof(struct plt_slot), sizeof(struct plt_slot),
		      compare);
	return 0;
}

bool plt_find(const struct buf *slots, uint64_t slot, uint64_t *function)
{
	const struct plt_slot *s = (const struct plt_slot *)(const void *)slots->data;
	const struct plt_slot key = {.slot = slot}, *found;

	found = slots->len ? bsearch(&key, s, slots->len / sizeof(*s), sizeof(*s), compare) : NULL;
	if (found)
		*function = found->function;
	return found;
}
