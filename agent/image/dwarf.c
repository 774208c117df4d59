// SPDX-License-Identifier: GPL-2.0-or-later
#include "dwarf.h"

#include <dwarf.h>
#include <elf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "../base/hash.h"
#include "dwarf_copy.h"
#include "dwarf_unit.h"
#include "symname.h"

/* All debug sections together, unpacked. */
#define DEBUG_MAX (256ull << 20)
/* What libdw may have cached before it is opened afresh. */
#define CACHED_MAX (16u << 20)
/* What libdw caches of a line, and of a unit besides. */
#define LINE_BYTES 64u
#define UNIT_BYTES 16384u
/* Code ranges of all compilation units. */
#define INDEX_MAX ((64u << 20) / sizeof(struct unit_func))
/* DIEs and ranges looked at for the index, and for all addresses of a batch: some seconds. */
#define BUDGET (64u << 20)
/* Bytes of a unit's line program, of which each may make a line. */
#define LINE_PROGRAM_MAX (4u << 20)

/**
 * struct debug_info - the index, and libdw's handle while it is open
 * @copy: of the file's DWARF
 * @elf: opens it
 * @cus: struct unit_func, where "die" is the unit's
 * @unit: the unit that was asked last, 0 for none
 * @functions: of this unit, struct unit_func
 * @cached: estimate of what libdw holds
 * @entered: Dwarf_Off of the units that are in it
 * @budget: what may still be looked at
 * @has_lines: of the unit
 * @path: room for full_path()
 */
struct debug_info {
	struct dwarf_copy copy;
	Elf *elf;
	Dwarf *dwarf;
	struct buf cus;
	Dwarf_Off unit;
	Dwarf_Die unit_die;
	Dwarf_Files *files;
	struct buf functions;
	size_t cached;
	struct intern entered;
	uint64_t budget;
	bool has_lines;
	char path[4096];
};

static void debug_info_shut(struct debug_info *d)
{
	dwarf_end(d->dwarf);
	d->dwarf = NULL;
	d->files = NULL;
	d->unit = 0;
	d->functions.len = 0;
	d->cached = 0;
	intern_deinit(&d->entered);
}

static int debug_info_begin(struct debug_info *d)
{
	if (!d->dwarf)
		d->dwarf = dwarf_begin_elf(d->elf, DWARF_C_READ, NULL);
	return d->dwarf ? 0 : -ENOENT;
}

void debug_info_close(struct debug_info *d)
{
	if (!d)
		return;
	debug_info_shut(d);
	elf_end(d->elf);
	free(d->copy.data);
	buf_deinit(&d->cus);
	buf_deinit(&d->functions);
	free(d);
}

static bool is_code(const struct elf_image *code, uint64_t vaddr)
{
	for (size_t i = 0; i < code->nsegments; i++)
		if (code->segments[i].flags & PF_X &&
		    vaddr - code->segments[i].vaddr < code->segments[i].memsz)
			return true;
	return false;
}

/* The ranges of a unit; when it does not say, those of its functions. */
static void unit_extent(struct debug_info *d, Dwarf_Die *cu, struct buf *out)
{
	if (unit_ranges(cu, &d->budget, out))
		return;
	out->len = 0;
	unit_functions(cu, &d->budget, out);
}

/* Functions that the linker threw away stand at 0, or at no place that there is. */
static void index_unit(struct debug_info *d, const struct elf_image *code, Dwarf_Die *cu,
		       struct buf *ranges)
{
	struct unit_func *f;

	ranges->len = 0;
	unit_extent(d, cu, ranges);
	f = (struct unit_func *)(void *)ranges->data;
	for (size_t i = 0; i < ranges->len / sizeof(*f); i++) {
		f[i].die = dwarf_dieoffset(cu);
		if (is_code(code, f[i].start))
			buf_append(&d->cus, &f[i], sizeof(f[i]));
	}
}

static int index_units(struct debug_info *d, const struct elf_image *code)
{
	_cleanup_buf_ struct buf ranges = {0};
	Dwarf_CU *cu = NULL;
	Dwarf_Die die;
	Dwarf_Off last = 0;
	uint8_t type;

	d->budget = BUDGET;
	d->cus.max = INDEX_MAX * sizeof(struct unit_func);
	ranges.max = d->cus.max;
	while (dwarf_get_units(d->dwarf, cu, &cu, NULL, &type, &die, NULL) == 0) {
		if (!die.addr || (type != DW_UT_compile && type != DW_UT_skeleton))
			continue;
		if (dwarf_dieoffset(&die) <= last)
			break;
		last = dwarf_dieoffset(&die);
		index_unit(d, code, &die, &ranges);
	}
	if (ranges.error == -ENOMEM || d->cus.error == -ENOMEM)
		return -ENOMEM;
	unit_sort(&d->cus);
	return d->cus.len ? 0 : -ENOENT;
}

static int debug_info_load(struct debug_info *d, const struct elf_image *file,
			   const struct elf_image *code)
{
	int err = dwarf_copy(file, DEBUG_MAX, &d->copy);

	if (err)
		return err == -EFBIG ? -ENOENT : err;
	if (elf_version(EV_CURRENT) == EV_NONE)
		return -ENOENT;
	d->elf = elf_memory((char *)d->copy.data, d->copy.size);
	if (!d->elf)
		return -ENOENT;
	err = debug_info_begin(d);
	return err ? err : index_units(d, code);
}

int debug_info_open(const struct elf_image *file, const struct elf_image *code,
		    struct debug_info **out)
{
	struct debug_info *d = calloc(1, sizeof(*d));
	int err;

	if (!d)
		return -ENOMEM;
	err = debug_info_load(d, file, code);
	if (err) {
		debug_info_close(d);
		return err;
	}
	*out = d;
	return 0;
}

void debug_info_start(struct debug_info *d)
{
	/* What was listed of this unit may not be all. */
	if (!d->budget)
		d->unit = 0;
	d->budget = BUDGET;
}

/* The unit has a line program, and a small one. */
static bool line_program_ok(struct debug_info *d)
{
	Dwarf_Attribute attr;
	Dwarf_Word at;
	uint32_t size;

	if (dwarf_formudata(dwarf_attr(&d->unit_die, DW_AT_stmt_list, &attr), &at) != 0)
		return false;
	if (at > d->copy.line_size || d->copy.line_size - at < sizeof(size))
		return false;
	memcpy(&size, d->copy.line + at, sizeof(size));
	return size <= LINE_PROGRAM_MAX;
}

/* libdw keeps what it has read of a unit: @bytes, the first time. */
static void count_cached(struct debug_info *d, Dwarf_Off unit, size_t bytes)
{
	uint32_t before = d->entered.n;

	if (intern_add(&d->entered, &unit, sizeof(unit)) < 0 || d->entered.n > before)
		d->cached += bytes;
}

/* Makes @unit the one whose functions are known. */
static int enter_unit(struct debug_info *d, Dwarf_Off unit)
{
	Dwarf_Lines *lines;
	size_t n = 0;
	int err;

	if (d->unit == unit && d->dwarf)
		return 0;
	if (d->cached > CACHED_MAX)
		debug_info_shut(d);
	err = debug_info_begin(d);
	if (err)
		return err;
	d->functions.len = 0;
	d->files = NULL;
	d->unit = 0;
	if (!dwarf_offdie(d->dwarf, unit, &d->unit_die))
		return -ENOENT;
	unit_functions(&d->unit_die, &d->budget, &d->functions);
	if (d->functions.error)
		return -ENOMEM;
	d->has_lines = line_program_ok(d) && dwarf_getsrclines(&d->unit_die, &lines, &n) == 0;
	count_cached(d, unit, UNIT_BYTES + (d->has_lines ? n * LINE_BYTES : 0));
	if (!d->has_lines || dwarf_getsrcfiles(&d->unit_die, &d->files, &n) != 0)
		d->files = NULL;
	d->unit = unit;
	return 0;
}

static void line_at(struct debug_info *d, uint64_t vaddr, const char **file, uint32_t *line)
{
	Dwarf_Line *l = d->has_lines ? dwarf_getsrc_die(&d->unit_die, vaddr) : NULL;
	int n = 0;

	*file = NULL;
	*line = 0;
	if (!l)
		return;
	*file = dwarf_linesrc(l, NULL, NULL);
	if (dwarf_lineno(l, &n) == 0 && n > 0)
		*line = (uint32_t)n;
}

static const char *string_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;

	return dwarf_formstring(dwarf_attr_integrate(die, name, &attr));
}

static const char *linkage_name(Dwarf_Die *die)
{
	const char *name = string_of(die, DW_AT_linkage_name);

	return name ? name : string_of(die, DW_AT_MIPS_linkage_name);
}

static uint32_t number_of(Dwarf_Die *die, unsigned int name)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (dwarf_formudata(dwarf_attr_integrate(die, name, &attr), &value) != 0 ||
	    value > INT32_MAX)
		return 0;
	return (uint32_t)value;
}

static const char *call_file(const struct debug_info *d, Dwarf_Die *inlined)
{
	uint32_t file = number_of(inlined, DW_AT_call_file);

	return d->files ? dwarf_filesrc(d->files, file, NULL, NULL) : NULL;
}

/* Names of files are relative to where the compiler ran. */
static const char *full_path(struct debug_info *d, const char *file)
{
	const char *dir = file && file[0] != '/' ? string_of(&d->unit_die, DW_AT_comp_dir) : NULL;
	int n;

	if (!dir || !*dir)
		return file;
	n = snprintf(d->path, sizeof(d->path), "%s/%s", dir, file);
	return n > 0 && (size_t)n < sizeof(d->path) ? d->path : file;
}

/*
 * What a function is called that is not inlined. gcc gives no linkage name to C++ functions that
 * are local to a file, and glibc's malloc() is __libc_malloc() in DWARF, its write() even
 * __GI___libc_write() by linkage name: then the symbol says it better.
 */
static const char *real_name(Dwarf_Die *func, const char *symbol, bool symbol_is_entry)
{
	const char *name = func ? linkage_name(func) : NULL;
	size_t len = strlen(symbol);

	if (name && symname_is_mangled(name, strlen(name)))
		return name;
	if (!name && func)
		name = string_of(func, DW_AT_name);
	if (!name)
		return symbol;
	if (symbol_is_entry &&
	    (symname_is_mangled(symbol, len) ||
	     symname_underscores(symbol, len) < symname_underscores(name, strlen(name))))
		return symbol;
	return name;
}

static void add_inlined(struct debug_info *d, Dwarf_Die *die, const char *file, uint32_t line,
			struct names_builder *out)
{
	const char *name = linkage_name(die);

	if (!name)
		name = string_of(die, DW_AT_name);
	names_add(out, name ? name : "[inlined]", full_path(d, file), line,
		  number_of(die, DW_AT_decl_line));
}

static void add_lines(struct debug_info *d, uint64_t vaddr, Dwarf_Die *func, const char *name,
		      struct names_builder *out)
{
	Dwarf_Die chain[DWARF_INLINE_MAX];
	const char *file;
	uint32_t line;
	size_t n = func ? unit_inlined_at(func, vaddr, &d->budget, chain) : 0;

	line_at(d, vaddr, &file, &line);
	while (n--) {
		add_inlined(d, &chain[n], file, line, out);
		file = call_file(d, &chain[n]);
		line = number_of(&chain[n], DW_AT_call_line);
	}
	names_add(out, name, full_path(d, file), line, func ? number_of(func, DW_AT_decl_line) : 0);
}

int debug_info_resolve(struct debug_info *d, uint64_t vaddr, const struct sym_range *sym,
		       struct names_builder *out)
{
	const struct unit_func *cu = unit_function_at(&d->cus, vaddr), *f;
	char symbol[SYMTAB_NAME_MAX];
	const char *name;
	Dwarf_Die func;
	bool known;
	int err;

	symbol[0] = '\0'; /* the rest need not be cleared */
	if (!cu)
		return -ENOENT;
	err = enter_unit(d, cu->die);
	if (err)
		return err;
	f = unit_function_at(&d->functions, vaddr);
	known = f && dwarf_offdie(d->dwarf, f->die, &func);
	if (sym)
		symtab_name_copy(sym, symbol);
	name = real_name(known ? &func : NULL, symbol, known && *symbol && sym->start == f->start);
	if (!*name)
		return -ENOENT;
	add_lines(d, vaddr, known ? &func : NULL, name, out);
	return out->error;
}

size_t debug_info_bytes(const struct debug_info *d)
{
	return sizeof(*d) + d->cus.cap + d->functions.cap + d->cached + d->copy.size;
}
