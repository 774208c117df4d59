// SPDX-License-Identifier: GPL-2.0-or-later
#include "pclntab.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/cleanup.h"
#include "elf.h"
#include "gomodule.h"
#include "gotable.h"

enum {
	TABLE_MAX = 512 << 20,
	/* A program without section headers is searched this far. */
	SEARCH_MAX = 1 << 30,
	/* Things that look like a header. */
	TRIES_MAX = 16,
	CHUNK = 65536,
	INLINE_MAX = 64,
	/* pc-value steps for the rows of all functions, and for the name of one address. */
	ROW_STEPS = 32 << 20,
	NAME_STEPS = 1 << 20,
};

/**
 * struct pclntab - an open table
 * @vaddr: of its header
 * @own: its bytes, unless they are the image's
 * @gofunc: address of go:func.*, valid if @inlines
 * @module_read: gomodule_find() was called
 * @steps: pc-value steps that are left for this address
 */
struct pclntab {
	struct elf_image *img;
	struct gotable table;
	uint64_t vaddr;
	uint8_t *own;
	uint64_t gofunc;
	bool inlines;
	bool module_read;
	uint32_t steps;
};

static bool has_name(const struct elf_section *sec, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(sec->name, *names) == 0)
			return true;
	return false;
}

static const struct elf_section *find_section(const struct elf_image *img, const char *const *names)
{
	for (size_t i = 0; i < img->nsections; i++)
		if (has_name(&img->sections[i], names))
			return &img->sections[i];
	return NULL;
}

/* Whether a table may be where no section tells: linkers merge it into .data.rel.ro. */
static bool may_hide_table(const struct elf_image *img)
{
	static const char *const marks[] = {".note.go.buildid", ".go.buildinfo", NULL};

	return !img->nsections || find_section(img, marks);
}

static int load_section(struct pclntab *t, const struct elf_section *sec)
{
	const uint8_t *data;
	size_t size;
	int err = elf_section_read(t->img, sec, TABLE_MAX, &data, &size);

	if (err)
		return err == -ENOMEM ? err : -EBADMSG;
	t->vaddr = sec->addr;
	return gotable_init(&t->table, data, size);
}

/* The table is taken to reach up to the end of its segment. */
static int load_at(struct pclntab *t, const struct elf_segment *seg, uint64_t at)
{
	uint64_t size = seg->filesz - at;
	int err;

	if (size > TABLE_MAX)
		size = TABLE_MAX;
	free(t->own);
	t->own = malloc(size);
	if (!t->own)
		return -ENOMEM;
	err = elf_read_at(t->img, seg->offset + at, t->own, size);
	t->vaddr = seg->vaddr + at;
	return err ? -EBADMSG : gotable_init(&t->table, t->own, size);
}

/* The table is aligned to 32 bytes; 8 is enough to find it. */
static int search_segment(struct pclntab *t, const struct elf_segment *seg, uint64_t *left,
			  unsigned int *tries)
{
	uint8_t chunk[CHUNK];

	for (uint64_t at = 0; at < seg->filesz && *left; at += CHUNK) {
		size_t n = seg->filesz - at < CHUNK ? seg->filesz - at : CHUNK;

		*left -= n < *left ? n : *left;
		if (elf_read_at(t->img, seg->offset + at, chunk, n) != 0)
			return -ENOENT;
		for (size_t i = 0; i + 8 <= n; i += 8) {
			int err;

			if (!gotable_header_ok(chunk + i))
				continue;
			err = load_at(t, seg, at + i);
			if (err != -EBADMSG || !--*tries)
				return err;
		}
	}
	return -ENOENT;
}

static int search(struct pclntab *t)
{
	unsigned int tries = TRIES_MAX;
	uint64_t left = SEARCH_MAX;

	for (size_t i = 0; i < t->img->nsegments; i++) {
		int err;

		if (t->img->segments[i].flags & PF_X)
			continue;
		err = search_segment(t, &t->img->segments[i], &left, &tries);
		if (err != -ENOENT)
			return err;
	}
	return -ENOENT;
}

static void read_module(struct pclntab *t)
{
	uint64_t text;

	if (t->module_read)
		return;
	t->module_read = true;
	t->inlines = gomodule_find(t->img, t->vaddr, &t->table, &text, &t->gofunc);
	if (t->inlines && !t->table.text)
		t->table.text = text;
}

/* The header's start of the text is relocated when the program is position-independent. */
static int find_text(struct pclntab *t)
{
	static const char *const names[] = {".text", NULL};
	const struct elf_section *sec;

	if (t->table.version < GO_1_18 || t->table.text)
		return 0;
	if (gomodule_word(t->img, t->vaddr + 24, &t->table.text) && t->table.text)
		return 0;
	t->table.text = 0;
	read_module(t);
	if (t->table.text)
		return 0;
	sec = find_section(t->img, names);
	t->table.text = sec ? sec->addr : 0;
	return t->table.text ? 0 : -EBADMSG;
}

static int load(struct pclntab *t)
{
	static const char *const names[] = {".gopclntab", ".data.rel.ro.gopclntab", NULL};
	const struct elf_section *sec = find_section(t->img, names);
	int err = -ENOENT;

	if (sec)
		err = load_section(t, sec);
	else if (may_hide_table(t->img))
		err = search(t);
	return err ? err : find_text(t);
}

int pclntab_open(struct elf_image *img, struct pclntab **out)
{
	struct pclntab *t = calloc(1, sizeof(*t));
	int err;

	if (!t)
		return -ENOMEM;
	t->img = img;
	err = load(t);
	if (err) {
		pclntab_close(t);
		return err;
	}
	*out = t;
	return 0;
}

void pclntab_close(struct pclntab *t)
{
	if (!t)
		return;
	free(t->own);
	free(t);
}

size_t pclntab_bytes(const struct pclntab *t)
{
	return sizeof(*t) + t->table.all.size;
}

/* An entry of an inline tree, as far as it is needed. */
struct inlined {
	uint32_t name;
	uint32_t parent_pc;
	uint32_t start_line;
};

/*
 * Go 1.18: int16 parent, id, pad, int32 file, line, name, parentPc. Go 1.20: id, pad, int32 name,
 * parentPc, startLine.
 */
static bool read_inlined(struct pclntab *t, uint32_t tree, int32_t i, struct inlined *in)
{
	size_t size = t->table.version >= GO_1_20 ? 16 : 20;
	uint64_t vaddr = t->gofunc + tree + (uint64_t)i * size, offset;
	uint32_t w[5];

	if (!elf_vaddr_to_offset(t->img, vaddr, &offset) || elf_read_at(t->img, offset, w, size))
		return false;
	if (t->table.version >= GO_1_20)
		*in = (struct inlined){w[1], w[2], w[3]};
	else
		*in = (struct inlined){w[3], w[4], 0};
	return true;
}

static void add_line(struct pclntab *t, const struct gofunc *f, uint64_t pc, const char *name,
		     uint32_t start_line, struct names_builder *out)
{
	const char *file =
		gotable_file(&t->table, f, gotable_value(&t->table, f, f->pcfile, pc, &t->steps));
	int32_t line = gotable_value(&t->table, f, f->pcln, pc, &t->steps);

	names_add(out, name, file, file && line > 0 ? (uint32_t)line : 0, start_line);
}

/*
 * Adds what is inlined at @pc. An entry of the tree names the inlined function, and a pc in the
 * function that inlined it, where the line is that of the call. Returns that pc of the real
 * function.
 */
static uint64_t add_inlined(struct pclntab *t, const struct gofunc *f, uint64_t pc,
			    struct names_builder *out)
{
	uint32_t index = gotable_pcdata(&t->table, f, GO_PCDATA_INL_TREE);
	uint32_t tree = gotable_funcdata(&t->table, f, GO_FUNCDATA_INL_TREE);

	if (!index || tree == UINT32_MAX)
		return pc;
	read_module(t);
	for (int depth = 0; t->inlines && depth < INLINE_MAX; depth++) {
		int32_t i = gotable_value(&t->table, f, index, pc, &t->steps);
		struct inlined in;
		const char *name;

		if (i < 0 || !read_inlined(t, tree, i, &in) || in.parent_pc >= f->end - f->entry)
			break;
		name = gotable_string(&t->table.names, in.name);
		if (!name || !*name)
			break;
		add_line(t, f, pc, name, in.start_line, out);
		pc = f->entry + in.parent_pc;
	}
	return pc;
}

int pclntab_resolve(struct pclntab *t, uint64_t vaddr, struct names_builder *out)
{
	struct gofunc f;
	const char *name;

	if (!gotable_find(&t->table, vaddr, &f))
		return -ENOENT;
	name = gotable_string(&t->table.names, f.name);
	if (!name || !*name)
		return -ENOENT;
	t->steps = NAME_STEPS;
	vaddr = add_inlined(t, &f, vaddr, out);
	add_line(t, &f, vaddr, name, f.start_line, out);
	return 0;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(name, *names) == 0)
			return true;
	return false;
}

/*
 * Before Go 1.17 the runtime knew these by their names (and some ids), not by flags. mcall() has
 * never had the right flag: it leaves a goroutine for good, and what it calls is the outermost
 * function of the thread's own stack (topofstack() of runtime/traceback.go had it).
 */
static uint8_t flags_of(const struct pclntab *t, const struct gofunc *f)
{
	static const char *const top[] = {
		"runtime.goexit",   "runtime.mstart", "runtime.mstart0", "runtime.rt0_go",
		"_rt0_amd64_linux", "_rt0_amd64",     "_rt0_amd64_lib",	 NULL,
	};
	static const char *const switches[] = {
		"runtime.systemstack",
		"runtime.morestack",
		"runtime.gogo",
		"runtime.asmcgocall",
		"runtime.cgocallback",
		"runtime.gosave",
		"runtime.cgocallback_gofunc",
		NULL,
	};
	const char *name = gotable_string(&t->table.names, f->name);

	if (name && strcmp(name, "runtime.mcall") == 0)
		return GO_FUNC_TOPFRAME;
	if (t->table.version >= GO_1_18 || f->flags || !name)
		return f->flags;
	if (is_one_of(name, top))
		return GO_FUNC_TOPFRAME;
	return is_one_of(name, switches) ? GO_FUNC_SPWRITE : 0;
}

/*
 * A Go function with a frame begins with making room for it and saving the frame pointer right
 * below the return address, whatever its size.
 */
static struct kpprof_rule frame_rule(int32_t delta)
{
	struct kpprof_rule rule = {
		.kind = KPPROF_RULE_CFA,
		.reg = KPPROF_REG_SP,
		.fp = KPPROF_FP_SAME,
		.bx = KPPROF_BX_LOST,
		.off = delta + 8,
	};

	if (delta > 0) {
		rule.fp = KPPROF_FP_CFA;
		rule.fp_off = -16;
	}
	return rule;
}

static void add_range(const struct pclntab *t, uint64_t start, uint64_t end,
		      const struct kpprof_rule *rule, struct rows_builder *out)
{
	uint64_t from, last;

	if (start < end && elf_vaddr_to_offset(t->img, start, &from) &&
	    elf_vaddr_to_offset(t->img, end - 1, &last) && last - from == end - 1 - start)
		rows_add(out, from, last + 1, rule);
}

static void add_frame_rows(const struct pclntab *t, const struct gofunc *f, uint32_t *steps,
			   struct rows_builder *out)
{
	struct gopcs w;

	if (!gopcs_init(&w, &t->table, f, f->pcsp))
		return;
	while (*steps && w.end < f->end && gopcs_next(&w)) {
		struct kpprof_rule rule;

		(*steps)--;
		if (w.value < 0 || w.value % 8 || w.value > INT32_MAX - 8)
			continue;
		rule = frame_rule(w.value);
		add_range(t, w.start, w.end < f->end ? w.end : f->end, &rule, out);
	}
}

static void add_function_rows(const struct pclntab *t, const struct gofunc *f, uint32_t *steps,
			      struct rows_builder *out)
{
	const struct kpprof_rule stop = {.kind = KPPROF_RULE_STOP};
	const struct kpprof_rule stack_switch = {.kind = KPPROF_RULE_SWITCH};
	uint8_t flags = flags_of(t, f);
	uint64_t offset;

	if (flags & GO_FUNC_TOPFRAME)
		add_range(t, f->entry, f->end, &stop, out);
	else if (flags & GO_FUNC_SPWRITE)
		add_range(t, f->entry, f->end, &stack_switch, out);
	else
		add_frame_rows(t, f, steps, out);
	if (elf_vaddr_to_offset(t->img, f->entry, &offset))
		rows_add_function(out, offset);
}

int pclntab_rows(struct pclntab *t, struct rows_builder *out)
{
	uint32_t steps = ROW_STEPS;

	/* The frame layout is x86-64's. */
	if (t->img->machine != EM_X86_64)
		return 0;
	for (uint32_t i = 0; i < t->table.nfunc && !out->error; i++) {
		struct gofunc f;

		if (gotable_func(&t->table, i, &f))
			add_function_rows(t, &f, &steps, out);
	}
	return out->error;
}
